/* main.c - the command `foundry`: picks the row of CLI_COMMANDS that argv names. Adding a command = a row in cli.h + cmd_<name>.c. */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

static const cli_command commands[] = {
#define ROW(name, en, zh) {#name, cmd_##name, en, zh},
    CLI_COMMANDS(ROW)
#undef ROW
        {0}};

static const cli_spec foundry = {
    .name = "",
    .summary = "text in, a model that talks out",
    .summary_zh = "把文字变成会说话的模型",
    .example = "foundry train configs/stories-3m.yaml --train.steps 500\n"
               "foundry generate runs/stories-3m --prompt \"Once upon a time\"",
    .usage = "foundry COMMAND [arguments] [flags]",
};

/* foundry help | foundry help options | foundry help CMD [SUB] */
int cmd_help(int argc, char **argv)
{
    static const cli_spec spec = {.name = "help",
                                  .summary = "explain a command, or list all options",
                                  .summary_zh = "解释一个命令，或列出全部选项",
                                  .example = "foundry help train\nfoundry help options",
                                  .usage = "foundry help [COMMAND [SUB-COMMAND] | options]",
                                  .max_args = 2};
    cli_args args;
    if (!cli_parse(&spec, argc, argv, &args)) return args.exit;
    char self[] = "foundry", flag[] = "--help";
    if (args.n == 1 && strcmp(args.v[0], "options") == 0) {
        lf_option_info info;
        for (size_t row = 0; lf_config_option(row, &info); row++) {
            printf("%s--%s%s  %s", cli_color(stdout, CLI_CYAN), info.key, cli_color(stdout, CLI_PLAIN), cli_say(info.range, info.range_zh));
            if (*info.fallback) printf(cli_say("  (default %s)", "（默认 %s）"), info.fallback);
            fputs("\n    ", stdout);
            cli_wrap(stdout, cli_say(info.help, info.help_zh), 4, 4);
        }
        return CLI_OK;
    }
    char *again[] = {self, args.n > 0 ? args.v[0] : flag, args.n > 1 ? args.v[1] : args.n ? flag : NULL, args.n > 1 ? flag : NULL, NULL};
    return cli_dispatch(commands, &foundry, 2 + args.n - (args.n == 0), again);
}

int main(int argc, char **argv)
{
    int code = CLI_OK;
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_IGN); /* a file-size limit is a failed write with a sentence, not the end of the process */
    lf_log_set_sink(cli_log_sink, NULL);
    if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0))
        printf("foundry %s\n%s\n", lf_version(), lf_build_info());
    else
        code = cli_dispatch(commands, &foundry, argc, argv);
    if (fflush(stdout) || ferror(stdout)) { /* a full disk behind a pipe or a file must not look like success */
        lf_error err = {0};
        lf_error_set(&err, LF_E_IO, "cannot write to standard output: %s", strerror(errno));
        return cli_fail(&err);
    }
    return code;
}
