#include <string.h>

#include "track.h"

/* What a client asks for, as what others will see of it. */

/* VP8 first, then H264: clients prefer in this order. */
static const char *const PUBLISH_MIMES[] = {"video/VP8", "video/H264", "video/VP9",
                                            "video/AV1", "audio/opus", "audio/red"};

const char *track_publish_mime(size_t index) {
    return index < ARRAY_LEN(PUBLISH_MIMES) ? PUBLISH_MIMES[index] : NULL;
}

static const struct {
    enum rtp_codec codec;
    const char *name, *mime;
} CODECS[] = {
    {RTP_CODEC_OPUS, "opus", "audio/opus"}, {RTP_CODEC_RED, "red", "audio/red"},
    {RTP_CODEC_PCMU, "pcmu", "audio/PCMU"}, {RTP_CODEC_PCMA, "pcma", "audio/PCMA"},
    {RTP_CODEC_VP8, "vp8", "video/VP8"},    {RTP_CODEC_VP9, "vp9", "video/VP9"},
    {RTP_CODEC_H264, "h264", "video/H264"}, {RTP_CODEC_AV1, "av1", "video/AV1"},
    {RTP_CODEC_H265, "h265", "video/H265"},
};

const char *track_codec_name(enum rtp_codec codec) {
    for (size_t i = 0; i < ARRAY_LEN(CODECS); i++) {
        if (CODECS[i].codec == codec) {
            return CODECS[i].name;
        }
    }
    return "";
}

const char *track_second_codec(const struct track *t) {
    assert(track_can_have_backup(t));
    for (size_t i = 0; i < ARRAY_LEN(CODECS); i++) {
        if (slice_eq_cstr(slice_from_cstr(t->info->codecs[1]->mime_type), CODECS[i].mime)) {
            return CODECS[i].name;
        }
    }
    return "";
}

static char *mime_of_codec(enum rtp_codec codec) {
    for (size_t i = 0; i < ARRAY_LEN(CODECS); i++) {
        if (CODECS[i].codec == codec) {
            return (char *)(uintptr_t)CODECS[i].mime;
        }
    }
    return (char *)(uintptr_t) "";
}

/* "vp9" and "video/VP9" are "video/VP9"; what nobody may publish is the first of its kind. */
static char *mime_of_name(const char *name, bool video) {
    struct slice text = name ? slice_from_cstr(name) : (struct slice){0};
    struct slice kind = video ? SLICE_LIT("video/") : SLICE_LIT("audio/");
    const char *found = NULL;
    for (size_t i = 0; i < ARRAY_LEN(PUBLISH_MIMES); i++) {
        struct slice mime = slice_from_cstr(PUBLISH_MIMES[i]);
        if (!slice_starts_with(mime, kind)) {
            continue;
        }
        if (!found || slice_eq_nocase(mime, text) ||
            slice_eq_nocase(slice_after(mime, kind.len), text)) {
            found = PUBLISH_MIMES[i];
        }
    }
    return (char *)(uintptr_t)found;
}

/* Copies of one of each quality, low first: clients list them in any order (trap T20). */
static size_t sort_layers(Livekit__VideoLayer *const *from, size_t count, struct arena *arena,
                          Livekit__VideoLayer ***ret_layers) {
    Livekit__VideoLayer **list = arena_alloc(arena, RTP_LAYERS_MAX * sizeof(*list));
    Livekit__VideoLayer *layers = arena_alloc(arena, RTP_LAYERS_MAX * sizeof(*layers));
    size_t kept = 0;
    for (int quality = 0; list && layers && quality < RTP_LAYERS_MAX; quality++) {
        for (size_t i = 0; i < count; i++) {
            if ((int)from[i]->quality == quality) {
                layers[kept] = *from[i];
                list[kept] = &layers[kept];
                kept++;
                break;
            }
        }
    }
    *ret_layers = list;
    return kept;
}

/* A video of one layer that says nothing of it is of the best quality. */
static void only_layer(const Livekit__AddTrackRequest *r, struct arena *arena,
                       Livekit__TrackInfo *info) {
    Livekit__VideoLayer *layer = arena_alloc(arena, sizeof(*layer));
    if (!layer || !info->layers) {
        return;
    }
    livekit__video_layer__init(layer);
    layer->quality = LIVEKIT__VIDEO_QUALITY__HIGH;
    layer->width = r->width;
    layer->height = r->height;
    info->layers[0] = layer;
    info->n_layers = 1;
}

static void fill_layers(const Livekit__AddTrackRequest *r, struct arena *arena,
                        Livekit__TrackInfo *info) {
    info->n_layers = sort_layers(r->layers, r->n_layers, arena, &info->layers);
    if (info->n_layers == 0 && r->n_simulcast_codecs > 0) {
        const Livekit__SimulcastCodec *first = r->simulcast_codecs[0];
        info->n_layers = sort_layers(first->layers, first->n_layers, arena, &info->layers);
    }
    if (info->n_layers == 0) {
        only_layer(r, arena, info);
    }
    if (info->n_layers == 1) {
        info->layers[0]->quality = LIVEKIT__VIDEO_QUALITY__HIGH;
    }
    info->simulcast = info->n_layers > 1;
}

static void fill_codecs(const Livekit__AddTrackRequest *r, struct arena *arena,
                        Livekit__TrackInfo *info) {
    bool video = info->type == LIVEKIT__TRACK_TYPE__VIDEO;
    info->mime_type = mime_of_name(NULL, video);
    size_t count = MIN(r->n_simulcast_codecs, (size_t)TRACK_CODECS_MAX);
    if (count == 0) {
        return;
    }
    Livekit__SimulcastCodecInfo *codecs = arena_alloc(arena, count * sizeof(*codecs));
    Livekit__SimulcastCodecInfo **list = arena_alloc(arena, count * sizeof(*list));
    if (!codecs || !list) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const Livekit__SimulcastCodec *from = r->simulcast_codecs[i];
        livekit__simulcast_codec_info__init(&codecs[i]);
        codecs[i].mime_type = mime_of_name(from->codec, video);
        codecs[i].cid = from->cid;
        codecs[i].video_layer_mode = from->video_layer_mode;
        codecs[i].n_layers = sort_layers(from->layers, from->n_layers, arena, &codecs[i].layers);
        list[i] = &codecs[i];
    }
    info->codecs = list;
    info->n_codecs = count;
    info->mime_type = codecs[0].mime_type;
}

static bool has_feature(const Livekit__AudioTrackFeature *list, size_t count, int feature) {
    for (size_t i = 0; i < count; i++) {
        if ((int)list[i] == feature) {
            return true;
        }
    }
    return false;
}

/* Older fields say the same as the features: both are told. */
static void fill_features(const Livekit__AddTrackRequest *r, struct arena *arena,
                          Livekit__TrackInfo *info) {
    enum {
        STEREO = LIVEKIT__AUDIO_TRACK_FEATURE__TF_STEREO,
        NO_DTX = LIVEKIT__AUDIO_TRACK_FEATURE__TF_NO_DTX
    };
    size_t count = MIN(r->n_audio_features, (size_t)TRACK_FEATURES_MAX - 2);
    Livekit__AudioTrackFeature *list = arena_alloc(arena, TRACK_FEATURES_MAX * sizeof(*list));
    if (!list) {
        return;
    }
    if (count > 0) {
        memcpy(list, r->audio_features, count * sizeof(*list));
    }
    if (r->stereo && !has_feature(list, count, STEREO)) {
        list[count++] = (Livekit__AudioTrackFeature)STEREO;
    }
    if (r->disable_dtx && !has_feature(list, count, NO_DTX)) {
        list[count++] = (Livekit__AudioTrackFeature)NO_DTX;
    }
    info->audio_features = list;
    info->n_audio_features = count;
    info->stereo = has_feature(list, count, STEREO);
    info->disable_dtx = has_feature(list, count, NO_DTX);
}

static char *default_stream(Livekit__TrackSource source) {
    switch (source) {
    case LIVEKIT__TRACK_SOURCE__CAMERA:
    case LIVEKIT__TRACK_SOURCE__MICROPHONE: return (char *)(uintptr_t) "camera";
    case LIVEKIT__TRACK_SOURCE__SCREEN_SHARE:
    case LIVEKIT__TRACK_SOURCE__SCREEN_SHARE_AUDIO: return (char *)(uintptr_t) "screen";
    default: return (char *)(uintptr_t) "unknown";
    }
}

static Livekit__BackupCodecPolicy policy_of(const Livekit__AddTrackRequest *r, bool video) {
    bool as_asked = video || r->backup_codec_policy == LIVEKIT__BACKUP_CODEC_POLICY__REGRESSION;
    return as_asked ? r->backup_codec_policy : LIVEKIT__BACKUP_CODEC_POLICY__SIMULCAST;
}

void track_info_of_request(const Livekit__AddTrackRequest *r, const struct ident *sid,
                           struct arena *arena, Livekit__TrackInfo *ret_info) {
    Livekit__TrackInfo *info = ret_info;
    bool video = r->type == LIVEKIT__TRACK_TYPE__VIDEO;
    livekit__track_info__init(info);
    info->sid = (char *)(uintptr_t)sid->text;
    info->type = r->type;
    info->name = r->name;
    info->muted = r->muted;
    info->source = r->source;
    info->disable_red = r->disable_red;
    info->encryption = r->encryption;
    info->stream = r->stream && r->stream[0] ? r->stream : default_stream(r->source);
    info->backup_codec_policy = policy_of(r, video);
    info->packet_trailer_features = r->packet_trailer_features;
    info->n_packet_trailer_features = MIN(r->n_packet_trailer_features, (size_t)TRACK_FEATURES_MAX);
    if (video) {
        info->width = r->width;
        info->height = r->height;
        fill_layers(r, arena, info);
    } else {
        fill_features(r, arena, info);
    }
    fill_codecs(r, arena, info);
}

bool track_asked_codec(const struct track *t, enum rtp_codec *ret_codec) {
    const char *mime = t->info->n_codecs > 0 ? t->info->codecs[0]->mime_type : "";
    for (size_t i = 0; i < ARRAY_LEN(CODECS); i++) {
        if (slice_eq_cstr(slice_from_cstr(mime), CODECS[i].mime)) {
            *ret_codec = CODECS[i].codec;
            return true;
        }
    }
    return false;
}

bool track_may_be_red(const struct track *t) {
    return !t->video && !t->info->disable_red &&
           t->info->encryption == LIVEKIT__ENCRYPTION__TYPE__NONE;
}

void track_bind(struct track *t, const struct rtp_section *section) {
    assert(t->state == TRACK_PENDING && section->formats_count > 0);
    static_assert(sizeof(t->mid) > sizeof(section->mid), "a mid fits, with its NUL");
    memcpy(t->mid, section->mid, section->mid_len);
    t->mid[section->mid_len] = '\0';
    t->mid_len = section->mid_len;
    const struct rtp_format *f = &section->formats[0];
    t->codec = (struct track_codec){f->codec, f->profile, f->packetization_mode};
    t->red = section->red_payload_type != 0;
    t->info->mime_type = mime_of_codec(t->red ? RTP_CODEC_RED : f->codec);
    if (t->info->n_codecs > 0) {
        t->info->codecs[0]->mime_type = t->info->mime_type;
        t->info->codecs[0]->mid = t->mid;
    }
    t->state = TRACK_BOUND;
}

void track_set_version(struct track *t, uint64_t unix_us, uint32_t ticks) {
    livekit__timed_version__init(&t->version);
    t->version.unix_micro = (int64_t)unix_us;
    t->version.ticks = (int32_t)ticks;
    t->info->version = &t->version;
}

void track_set_features(struct track *t, const Livekit__AudioTrackFeature *items, size_t count) {
    count = MIN(count, ARRAY_LEN(t->features));
    if (count > 0) {
        memcpy(t->features, items, count * sizeof(*items));
    }
    t->info->audio_features = t->features;
    t->info->n_audio_features = count;
}

void track_set_dimensions(struct track *t, uint32_t width, uint32_t height) {
    t->info->width = width;
    t->info->height = height;
}

void track_unbind(struct track *t) {
    assert(t->state == TRACK_BOUND);
    t->state = TRACK_PENDING;
    t->mid_len = 0;
    t->mid[0] = '\0';
}
