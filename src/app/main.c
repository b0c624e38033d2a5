#include <stdio.h>
#include <string.h>

#include "app.h"

static int app_version(void) {
    printf("stoa %s (speaks LiveKit %s)\n", STOA_VERSION, STOA_SPEAKS_VERSION);
    return 0;
}

static int app_sample(void) {
    struct buf out;
    buf_init(&out, 1 << 20);
    settings_put_sample(&out);
    fwrite(out.data, 1, out.len, stdout);
    int code = out.failed || ferror(stdout) ? 1 : 0;
    buf_deinit(&out);
    return code;
}

static int app_help(FILE *to) {
    fputs("stoa serve [options]       run the server (also when no command is given)\n"
          "stoa token create [grants] print a token signed with the first key:\n"
          "    --identity ID --name NAME --room ROOM --join --create --list --admin --recorder\n"
          "stoa generate-keys         print a new API key and secret\n"
          "stoa config sample         print every setting with its default\n"
          "stoa version\n"
          "\n"
          "Options: --config FILE, --dev, --bind ADDRESS (repeatable), --keys \"key: secret\",\n"
          "--key-file FILE, --udp-port PORT, --node-ip IP, and --<setting> VALUE for each setting\n"
          "that `stoa config sample` shows, for example --room.empty_timeout 60.\n",
          to);
    return to == stdout ? 0 : 2;
}

int main(int argc, char **argv) {
    const char *command = argc > 1 ? argv[1] : "serve";
    const char *second = argc > 2 ? argv[2] : "";
    if (strcmp(command, "serve") == 0) {
        return app_serve(argc > 1 ? argc - 2 : 0, argv + 2);
    }
    if (strcmp(command, "version") == 0 || strcmp(command, "--version") == 0) {
        return app_version();
    }
    if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0) {
        return app_help(stdout);
    }
    if (strcmp(command, "token") == 0 && strcmp(second, "create") == 0) {
        return app_token(argc - 3, argv + 3);
    }
    if (strcmp(command, "generate-keys") == 0) {
        return app_generate_keys();
    }
    if (strcmp(command, "config") == 0 && strcmp(second, "sample") == 0) {
        return app_sample();
    }
    if (strncmp(command, "--", 2) == 0) {
        return app_serve(argc - 1, argv + 1);
    }
    return app_help(stderr);
}
