#include <stdio.h>
#include <string.h>

#include "app.h"
#include "base.h"

#ifdef STOA_MIMALLOC
#include <mimalloc.h>
/* It takes the place of malloc and free; the linker leaves out a library that nobody names. */
static int (*const linked_allocator)(void) __attribute__((used)) = mi_version;
#endif

#define SERVER_OPTIONS                                                                             \
    "    --url URL              the server, http only (LIVEKIT_URL, else "                         \
    "http://localhost:7880)\n" KEY_OPTIONS
#define KEY_OPTIONS                                                                                \
    "    --api-key K --api-secret S   (LIVEKIT_API_KEY, LIVEKIT_API_SECRET), or as the server\n"   \
    "                           has them: --config FILE, --keys \"key: secret\", --dev\n"          \
    "    --json                 the answer as JSON\n"
#define CONFIG_OPTIONS                                                                             \
    "    --config FILE          or --config-body YAML (LIVEKIT_CONFIG)\n"                          \
    "    --dev                  key pair devkey/secret, loopback only\n"                           \
    "    --bind ADDRESS         may be repeated\n"                                                 \
    "    --keys \"key: secret\"   (LIVEKIT_KEYS), or --key-file FILE\n"                            \
    "    --udp-port PORT, --node-ip IP, --region NAME, and --<setting> VALUE for each setting\n"   \
    "                           of `stoa config sample`: --room.empty_timeout 60\n"                \
    "    --disable-strict-config    unknown settings are warnings\n"

static int app_help(int argc, char **argv);

/* Longer words first where one command's begin with another's. */
static const struct command {
    const char *words, *arguments, *text, *options;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"serve", "[options]", "run the server; also what no command means", CONFIG_OPTIONS, app_serve},
    {"room list", "[NAME...]", "list rooms", SERVER_OPTIONS, app_room_list},
    {"room create", "NAME", "create a room, or find the one of that name",
     "    --empty-timeout SECONDS, --departure-timeout SECONDS, --max-participants COUNT,\n"
     "    --metadata TEXT, --room-preset NAME, --sync-streams, --min-playout-delay MS,\n"
     "    --max-playout-delay MS\n" SERVER_OPTIONS,
     app_room_create},
    {"room update", "NAME --metadata TEXT", "change a room's metadata", SERVER_OPTIONS,
     app_room_update},
    {"room delete", "NAME", "end a room", SERVER_OPTIONS, app_room_delete},
    {"journal check", "DIR [--json]", "read a journal to its end: sound (0), or not (1)", "",
     app_journal_check},
    {"journal dump", "DIR", "print the records of a journal, each as a line of JSON", "",
     app_journal_dump},
    {"journal compact", "DIR", "write a journal anew, without what is past; not while it is in use",
     "", app_journal_compact},
    {"token create", "[grants]", "print a token signed with the first key",
     "    --identity ID --name NAME --metadata TEXT --room ROOM --valid-for 6h\n"
     "    --join --create --list --admin --recorder --hidden\n" KEY_OPTIONS,
     app_token_create},
    {"create-join-token", "--room ROOM --identity ID [--recorder]",
     "print a token to join with, valid for 30 days", KEY_OPTIONS, app_join_token},
    {"generate-keys", "[--json]", "print a new API key and secret", "", app_generate_keys},
    {"config check", "[options] [--json]",
     "read the settings as the server would: OK, or what is wrong", CONFIG_OPTIONS,
     app_config_check},
    {"config sample", "", "print every setting with its default", "", app_config_sample},
    {"ports", "[options] [--json]", "print the ports that the settings open", CONFIG_OPTIONS,
     app_ports},
    {"version", "[--json]", "print the version", "", app_version},
    {"help", "[command]", "print this, or a command's options", "", app_help},
};

/* How many of the arguments the command's words take, 0 when it is another command. With `partly`
 * fewer arguments than words will do. */
static int matching_words(const struct command *c, int argc, char **argv, bool partly) {
    const char *rest = c->words;
    int count = 0;
    while (*rest) {
        size_t len = strcspn(rest, " ");
        if (count == argc) {
            return partly ? count : 0;
        }
        if (strlen(argv[count]) != len || memcmp(argv[count], rest, len) != 0) {
            return 0;
        }
        count++;
        rest += len + (rest[len] == ' ');
    }
    return count;
}

static void put_command(FILE *to, const struct command *c) {
    fprintf(to, "stoa %s%s%s\n    %s\n", c->words, *c->arguments ? " " : "", c->arguments, c->text);
}

/* Tells about the commands that begin with these words; false when there are none. */
static bool help_about(FILE *to, int argc, char **argv, bool options) {
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (matching_words(&commands[i], argc, argv, true) == argc) {
            put_command(to, &commands[i]);
            fputs(options ? commands[i].options : "", to);
            found = true;
        }
    }
    return found;
}

static int app_help(int argc, char **argv) {
    if (argc > 0) {
        if (help_about(stdout, argc, argv, true)) {
            return APP_OK;
        }
        fprintf(stderr, "stoa: %s: no such command; see stoa help\n", argv[0]);
        return APP_USAGE;
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        put_command(stdout, &commands[i]);
    }
    puts("\nExit status: 0 it worked, 1 it failed, 2 the command line is wrong.");
    return APP_OK;
}

static bool asks_for_help(int argc, char **argv) {
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

static int run(const struct command *c, int words, int argc, char **argv) {
    if (asks_for_help(argc - words, argv + words)) {
        put_command(stdout, c);
        fputs(c->options, stdout);
        return APP_OK;
    }
    return c->run(argc - words, argv + words);
}

int main(int argc, char **argv) {
    if (argc > 0) { /* the program's name */
        argc--;
        argv++;
    }
    if (argc == 1 && strcmp(argv[0], "--version") == 0) {
        return app_version(0, NULL);
    }
    if (argc == 1 && asks_for_help(argc, argv)) {
        return app_help(0, NULL);
    }
    if (argc == 0 || strncmp(argv[0], "--", 2) == 0) {
        return run(&commands[0], 0, argc, argv);
    }
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        int words = matching_words(&commands[i], argc, argv, false);
        if (words > 0) {
            return run(&commands[i], words, argc, argv);
        }
    }
    fprintf(stderr, "stoa: %s%s%s: no such command; see stoa help\n", argv[0], argc > 1 ? " " : "",
            argc > 1 ? argv[1] : "");
    (void)help_about(stderr, 1, argv, false);
    return APP_USAGE;
}
