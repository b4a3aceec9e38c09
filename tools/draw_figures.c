/* draw_figures.c - the figures of docs/, drawn by hand once and for both languages: draw_figures DIR writes NAME.svg and NAME.zh.svg for
 * light and dark, without scripts and fonts. The bars of the memory figure are what lf_plan_run says. A test holds the committed files
 * equal to what this program draws. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "foundry/foundry.h"

/* ---- the pen ----------------------------------------------------------------------------------------------------------------------- */
typedef struct pen {
    FILE *f;
    bool zh;
} pen;

/* Classes: box (paper), a..e (five soft colours), line, arrow, t (text), m (monospaced), q (quiet), s (small). */
static const char style[] =
    "<style>\n"
    "svg{--ink:#1f2328;--quiet:#59636e;--line:#8c959f;--box:#f6f8fa;--a:#cfe3f7;--b:#fbdcc4;--c:#cdebd8;--d:#e6d9f7;--e:#fdf0b5;--hot:#"
    "b3541e}\n"
    "@media (prefers-color-scheme: "
    "dark){svg{--ink:#dfe4ea;--quiet:#98a3af;--line:#6e7781;--box:#21262d;--a:#1d3f63;--b:#5f3517;--c:#1d4a31;"
    "--d:#43306b;--e:#574a12;--hot:#f0a36b}}\n"
    "text{fill:var(--ink);font:14px system-ui,'Noto Sans','Noto Sans CJK SC',sans-serif}\n"
    ".m{font-family:ui-monospace,'DejaVu Sans Mono',monospace}.q{fill:var(--quiet)}.s{font-size:12px}.h{fill:var(--hot)}\n"
    "rect{stroke:var(--line);fill:var(--box)}.a{fill:var(--a)}.b{fill:var(--b)}.c{fill:var(--c)}.d{fill:var(--d)}.e{fill:var(--e)}.n{fill:"
    "none}\n"
    "path{stroke:var(--line);fill:none;stroke-width:1.5}.p{stroke:var(--hot);stroke-width:2}.dash{stroke-dasharray:4 "
    "4}.tip{fill:var(--line)}\n"
    "</style>\n<defs><marker id=\"tip\" markerWidth=\"8\" markerHeight=\"8\" refX=\"7\" refY=\"4\" orient=\"auto\"><path class=\"tip\" "
    "stroke=\"none\" "
    "d=\"M0 0L8 4L0 8z\"/></marker></defs>\n";

static const char *say(const pen *p, const char *en, const char *zh) { return p->zh ? zh : en; }

static void open_figure(pen *p, int width, int height, const char *title)
{
    fprintf(p->f, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\">\n<title>%s</title>\n%s",
            width, height, width, title, style);
}

static void words(const pen *p, double x, double y, const char *anchor, const char *class, const char *format, ...) LF_PRINTF(6, 7);
static void words(const pen *p, double x, double y, const char *anchor, const char *class, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fprintf(p->f, "<text x=\"%g\" y=\"%g\" text-anchor=\"%s\" class=\"%s\">", x, y, anchor, class);
    vfprintf(p->f, format, list);
    fprintf(p->f, "</text>\n");
    va_end(list);
}

/* A box with up to two lines of text in it; the second is small and quiet. */
static void box(const pen *p, double x, double y, double w, double h, const char *class, const char *text, const char *below)
{
    fprintf(p->f, "<rect x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\" rx=\"5\" class=\"%s\"/>\n", x, y, w, h, class);
    if (text) words(p, x + w / 2, y + h / 2 + (below ? -2 : 5), "middle", "t", "%s", text);
    if (below) words(p, x + w / 2, y + h / 2 + 15, "middle", "m s q", "%s", below);
}

static void cell(const pen *p, double x, double y, double w, double h, const char *class, const char *text)
{
    fprintf(p->f, "<rect x=\"%g\" y=\"%g\" width=\"%g\" height=\"%g\" class=\"%s\"/>\n", x, y, w, h, class);
    if (text && *text) words(p, x + w / 2, y + h / 2 + 5, "middle", "m", "%s", text);
}

static void line(const pen *p, const char *class, bool tip, const char *d)
{
    fprintf(p->f, "<path class=\"%s\" d=\"%s\"%s/>\n", class, d, tip ? " marker-end=\"url(#tip)\"" : "");
}

/* ---- the figures -------------------------------------------------------------------------------------------------------------------- */
static int draw_block(pen *p)
{
    open_figure(p, 760, 420, say(p, "A transformer block with the shapes of its tensors", "一个 Transformer 块及其张量形状"));
    words(p, 60, 30, "middle", "t", "x");
    words(p, 60, 48, "middle", "m s q", "[N, C]");
    line(p, "", true, "M60 56V400");
    words(p, 74, 398, "start", "m s q", "[N, C]");
    words(p, 84, 76, "start", "s q", "%s", say(p, "the residual stream: blocks only add to it", "残差流：各块只往上加"));
    for (int branch = 0; branch < 2; branch++) {
        double y = branch ? 270 : 110;
        char d[128];
        snprintf(d, sizeof d, "M60 %gH118", y + 22);
        line(p, "", true, d);
        box(p, 120, y, 90, 44, "box", "RMSNorm", "[N, C]");
        if (!branch) {
            box(p, 240, y - 24, 90, 36, "a", "q", NULL), words(p, 338, y - 14, "start", "m s q", "[N, H·D]");
            box(p, 240, y + 18, 90, 36, "a", "k", NULL), words(p, 338, y + 54, "start", "m s q", "[N, K·D]");
            box(p, 240, y + 60, 90, 36, "a", "v", NULL), words(p, 338, y + 92, "start", "m s q", "[N, K·D]");
            line(p, "", true, "M210 132H224V104H238"), line(p, "", true, "M224 132V146H238"), line(p, "", true, "M224 146V188H238");
            box(p, 408, y - 24, 66, 78, "c", "RoPE", say(p, "q and k", "旋转 q、k"));
            line(p, "", true, "M330 104H406"), line(p, "", true, "M330 146H406");
            box(p, 500, y - 4, 110, 62, "b", say(p, "attention", "注意力"), "[N, H·D]");
            line(p, "", true, "M474 126H498"), line(p, "", true, "M330 188H486V150H498");
            box(p, 640, y, 90, 44, "a", "o_proj", "[N, C]");
            line(p, "", true, "M610 132H638");
            line(p, "", true, "M685 154V226H72");
        } else {
            box(p, 240, y - 24, 90, 36, "a", "gate", NULL), words(p, 338, y - 10, "start", "m s q", "[N, F]");
            box(p, 240, y + 32, 90, 36, "a", "up", NULL), words(p, 338, y + 64, "start", "m s q", "[N, F]");
            line(p, "", true, "M210 288H224V264H238"), line(p, "", true, "M210 296H224V320H238");
            box(p, 430, y - 4, 140, 52, "b", "silu(gate) · up", "[N, F]");
            line(p, "", true, "M330 264H410V284H428"), line(p, "", true, "M330 320H410V302H428");
            box(p, 640, y, 90, 44, "a", "down", "[N, C]");
            line(p, "", true, "M570 292H638");
            line(p, "", true, "M685 314V366H72");
        }
        fprintf(p->f, "<circle cx=\"60\" cy=\"%d\" r=\"11\" fill=\"var(--box)\" stroke=\"var(--line)\"/>\n", branch ? 366 : 226);
        words(p, 60, branch ? 371 : 231, "middle", "t", "+");
    }
    words(p, 740, 412, "end", "s q", "%s",
          say(p, "N tokens · C width · H heads, K of keys and values · D head width · F feed-forward width",
              "N 词元数 · C 宽度 · H 查询头，K 键值头 · D 头宽 · F 前馈宽度"));
    return 0;
}

static int draw_pages(pen *p)
{
    static const char *const prompts[2][2] = {{"Once upon a time a fox", "Once upon a time a hare"}, {"从前有一只狐狸", "从前有一只兔子"}};
    open_figure(p, 760, 330, say(p, "Keys and values in pages that sequences share", "键和值分页存放，序列之间可以共用"));
    for (int s = 0; s < 2; s++) {
        double y = s ? 190 : 40;
        words(p, 20, y - 8, "start", "t", "%s %c: %s", say(p, "sequence", "序列"), s ? 'B' : 'A', prompts[p->zh][s]);
        for (int i = 0; i < 3; i++) {
            char number[16];
            snprintf(number, sizeof number, "%d", s ? (int[]){7, 2, 5}[i] : (int[]){7, 2, 9}[i]);
            cell(p, 20 + i * 52, y, 52, 34, i < 2 ? "c" : s ? "b" : "a", number);
        }
        words(p, 190, y + 22, "start", "s q", "%s", say(p, "pages, in order of position", "页号，按位置排列"));
    }
    words(p, 470, 32, "start", "t", "%s", say(p, "the pool", "页池"));
    for (int i = 0; i < 10; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", i);
        bool shared = i == 7 || i == 2;
        cell(p, 470 + i % 5 * 54, 44 + i / 5 * 54, 48, 48, shared ? "c" : i == 9 ? "a" : i == 5 ? "b" : "n", number);
    }
    words(p, 470, 174, "start", "s q", "%s", say(p, "green: read by both, stored once", "绿色：两个序列共用，只存一份"));
    words(p, 470, 192, "start", "s q", "%s", say(p, "empty: free, or kept until needed", "空白：空闲，或留到需要空间时"));
    box(p, 462, 210, 284, 92, "box", NULL, NULL);
    words(p, 474, 232, "start", "t", "%s", say(p, "one page", "一页"));
    words(p, 474, 254, "start", "m s", "[L][K][ %s ]", say(p, "positions b·64 ... b·64+63", "位置 b·64 ... b·64+63"));
    words(p, 474, 274, "start", "s q", "%s", say(p, "keys and values of every layer and head,", "每一层、每个头的键和值，"));
    words(p, 474, 291, "start", "s q", "%s", say(p, "already rotated: a position never changes", "已经旋转过：位置不会再变"));
    line(p, "dash", true, "M46 76V164"), line(p, "dash", true, "M98 76V164");
    words(p, 112, 124, "start", "s q", "%s", say(p, "the same pages: the same beginning", "同样的开头，同样的页"));
    words(p, 20, 256, "start", "s q", "%s",
          say(p, "A new token: its query asks every key of its sequence's pages;", "新词元：它的查询向本序列各页的所有键提问；"));
    words(p, 20, 274, "start", "s q", "%s",
          say(p, "its own key and value go into the next free place of the last page.", "它自己的键和值写进最后一页的下一个空位。"));
    return 0;
}

static int draw_bpe(pen *p)
{
    static const struct {
        const char *merge, *cells[10];
    } rows[] = {{"", {"_", "l", "o", "w", "e", "r", "_", "l", "o", "w"}},
                {"o w → ow", {"_", "l", "ow", "", "e", "r", "_", "l", "ow", ""}},
                {"l ow → low", {"_", "low", "", "", "e", "r", "_", "low", "", ""}},
                {"_ low → _low", {"_low", "", "", "", "e", "r", "_low", "", "", ""}},
                {"_low e → _lowe", {"_lowe", "", "", "", "", "r", "_low", "", "", ""}}};
    static const char *const classes[] = {"box", "a", "c", "b", "d"};
    open_figure(
        p, 760, 330,
        say(p, "Byte-pair encoding: the same merges, in the order in which they were learned", "字节对编码：按学到的顺序做同样的合并"));
    words(p, 30, 34, "start", "q", "%s", say(p, "merges, in order", "合并，按顺序"));
    words(p, 230, 34, "start", "q", "%s", say(p, "the words \"_lower\" and \"_low\"", "单词 “_lower” 和 “_low”"));
    words(p, 690, 34, "start", "q", "%s", say(p, "tokens", "词元数"));
    for (int r = 0; r < 5; r++) {
        double y = 54 + r * 52;
        int tokens = 0;
        if (r) words(p, 30, y + 25, "start", "m", "%d  %s", r, rows[r].merge);
        for (int i = 0; i < 10;) {
            int n = 1;
            while (i + n < 10 && !*rows[r].cells[i + n]) n++;
            int rank = 0; /* the merge that made this token */
            for (int k = 1; k <= r; k++)
                if (strcmp(strstr(rows[k].merge, "→ ") + strlen("→ "), rows[r].cells[i]) == 0) rank = k;
            cell(p, 230 + i * 42 + (i >= 6 ? 16 : 0), y, n * 42 - 4, 38, classes[rank], rows[r].cells[i]);
            i += n, tokens++;
        }
        words(p, 704, y + 25, "start", "m", "%d", tokens);
    }
    return 0;
}

static int draw_ragged(pen *p)
{
    static const int lengths[] = {5, 1, 3, 1};
    static const char *const classes[] = {"a", "b", "c", "d"};
    const char *const what[] = {say(p, "a prompt", "一段提示"), say(p, "one step of a user", "某用户的一步"),
                                say(p, "a chunk of a long prompt", "长提示的一段"), say(p, "one step of another", "另一用户的一步")};
    open_figure(p, 760, 330, say(p, "A batch is a ragged list of sequences", "一个批次是一串长短不一的序列"));
    words(p, 24, 30, "start", "q", "%s", say(p, "padded: 4 x 5, half of it nothing", "补齐：4 x 5，一半是空的"));
    words(p, 330, 30, "start", "q", "%s", say(p, "ragged: 10 rows, every one of them work", "不补齐：10 行，行行有用"));
    int row = 0;
    for (int s = 0; s < 4; s++) {
        for (int i = 0; i < 5; i++) cell(p, 24 + i * 46, 48 + s * 46, 42, 40, i < lengths[s] ? classes[s] : "n", i < lengths[s] ? "" : "·");
        for (int i = 0; i < lengths[s]; i++, row++) {
            char number[16];
            int position = i + (s == 1 ? 41 : s == 2 ? 128 : s == 3 ? 7 : 0);
            snprintf(number, sizeof number, "%d", position);
            cell(p, 330 + row * 40, 78, 40, 40, classes[s], number);
        }
    }
    words(p, 330, 68, "start", "m s q", "positions");
    words(p, 330, 146, "start", "m s", "seq_start  0, 5, 6, 9, 10");
    for (int s = 0; s < 4; s++) {
        cell(p, 330, 166 + s * 26, 18, 18, classes[s], NULL);
        words(p, 358, 180 + s * 26, "start", "s", "%s", what[s]);
    }
    words(p, 24, 290, "start", "s q", "%s",
          say(p, "Norms, matrix products and MLPs see 10 rows and do not care whose they are; attention alone looks at seq_start.",
              "归一化、矩阵乘和 MLP 只看到 10 行，不管是谁的；只有注意力才看 seq_start。"));
    words(p, 24, 310, "start", "s q", "%s",
          say(p, "Packed documents of training, prompts, decode steps and any mix of them are the same thing.",
              "训练时拼接的文档、提示、逐词解码，以及它们的任意混合，都是同一回事。"));
    return 0;
}

static int draw_quant(pen *p)
{
    static const int q8[] = {33, -127, 7, 68, -2}, q4[] = {2, -8, 0, 4};
    static const char *const x[] = {"0.031", "-0.120", "0.007", "0.064", "-0.002"};
    open_figure(p, 760, 330, say(p, "A block of 32 weights in 8 and in 4 bits", "32 个权重的一块：8 位与 4 位"));
    words(p, 24, 32, "start", "t", "float32");
    words(p, 736, 32, "end", "m s q", "%s", say(p, "32 x 4 = 128 bytes", "32 x 4 = 128 字节"));
    for (int i = 0; i < 5; i++) cell(p, 24 + i * 124, 42, 124, 36, "box", x[i]);
    cell(p, 644, 42, 92, 36, "n", "...");
    words(p, 24, 116, "start", "t", "Q8_0   x ≈ d · q,  d = max|x| / 127");
    words(p, 736, 116, "end", "m s q", "%s", say(p, "2 + 32 = 34 bytes: 8.5 bits a weight", "2 + 32 = 34 字节：每个权重 8.5 位"));
    cell(p, 24, 126, 62, 36, "b", "d");
    for (int i = 0; i < 5; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", q8[i]);
        cell(p, 86 + i * 32, 126, 32, 36, "a", NULL), words(p, 102 + i * 32, 149, "middle", "m s", "%s", text);
    }
    cell(p, 246, 126, 864 / 32.0 * 14, 36, "n", "...");
    words(p, 24, 182, "start", "s q", "fp16"), words(p, 86, 182, "start", "s q", "%s", say(p, "32 signed bytes", "32 个有符号字节"));
    words(p, 24, 226, "start", "t", "Q4_0   x ≈ d · (q - 8)");
    words(p, 736, 226, "end", "m s q", "%s", say(p, "2 + 16 = 18 bytes: 4.5 bits a weight", "2 + 16 = 18 字节：每个权重 4.5 位"));
    cell(p, 24, 236, 62, 36, "b", "d");
    for (int i = 0; i < 16; i++) {
        cell(p, 86 + i * 32, 236, 16, 36, "c", NULL), cell(p, 102 + i * 32, 236, 16, 36, "d", NULL);
        if (i >= 4) continue;
        words(p, 94 + i * 32, 259, "middle", "m s", "%d", q4[i] + 8);
    }
    words(p, 24, 292, "start", "s q", "fp16");
    words(p, 86, 292, "start", "s q", "%s",
          say(p, "16 bytes; byte i holds weight i in its low half, weight i + 16 in its high half",
              "16 个字节；第 i 个字节的低半放权重 i，高半放权重 i + 16"));
    words(p, 24, 318, "start", "s q", "%s",
          say(p, "The largest weight of a block decides its step d: in small blocks an outlier spoils few neighbours.",
              "块内最大的权重决定步长 d：块小，离群值影响的邻居就少。"));
    return 0;
}

/* Arenas of three plans of the same recipe, added up to what the plan says. */
static int draw_memory(pen *p)
{
    static const struct {
        const char *en, *zh, *key, *value;
    } plans[] = {{"as the recipe says", "按配方", "", ""},
                 {"--train.recompute block", "--train.recompute block", "train.recompute", "block"},
                 {"--train.micro_batch_tokens 512", "--train.micro_batch_tokens 512", "train.micro_batch_tokens", "512"}};
    static const struct {
        const char *arena, *en, *zh, *class;
    } parts[] = {{"model", "weights, stored and packed", "权重（存储与打包）", "a"},
                 {"gradient", "gradients", "梯度", "b"},
                 {"optimizer", "AdamW's averages", "AdamW 的两个平均", "c"},
                 {"staging", "the next checkpoint", "待写的检查点", "e"},
                 {"step", "saved activations", "保存的激活值", "d"},
                 {"scratch", "scratch", "临时空间", "box"},
                 {"evaluation scratch", "scratch of an evaluation", "评估的临时空间", "n dash"}};
    enum { n_parts = sizeof parts / sizeof *parts };
    lf_error err = {0};
    lf_device *device = lf_device_open(&(lf_device_options){.threads = 1, .isa = "scalar"}, &err);
    open_figure(p, 760, 360, say(p, "Memory of training, as foundry plan counts it", "训练占用的内存，由 foundry plan 计算"));
    words(p, 24, 32, "start", "m s q", "foundry plan stories-3m --model.vocab_size 4096");
    int status = device ? 0 : -1;
    for (int i = 0; i < 3 && !status; i++) {
        lf_config config;
        lf_plan plan;
        lf_config_init(&config);
        status = lf_config_load(&config, "stories-3m", &err) || lf_config_set(&config, "model.vocab_size", "4096", "figure", &err) ||
                 (*plans[i].key && lf_config_set(&config, plans[i].key, plans[i].value, "figure", &err)) ||
                 lf_plan_run(&plan, device, &config, 0, NULL, &err);
        double x = 24, y = 52 + i * 66, total = 0;
        for (int a = 0; a < plan.n_arenas && !status; a++) total += (double)plan.arenas[a].bytes / 1e6;
        for (int k = 0; k < n_parts && !status; k++)
            for (int a = 0; a < plan.n_arenas; a++) {
                if (strcmp(plan.arenas[a].name, parts[k].arena) != 0) continue;
                double mb = (double)plan.arenas[a].bytes / 1e6, w = mb * 2.3;
                fprintf(p->f, "<rect x=\"%.1f\" y=\"%g\" width=\"%.1f\" height=\"30\" class=\"%s\"/>\n", x, y + 14, w, parts[k].class);
                if (w > 22) words(p, x + w / 2, y + 34, "middle", "s", "%.0f", mb);
                x += w;
            }
        words(p, 24, y + 6, "start", "m s", "%s", say(p, plans[i].en, plans[i].zh));
        words(p, x + 8, y + 34, "start", "s q", "%.0f MB", total);
    }
    for (int k = 0; k < n_parts; k++) {
        double x = 24 + k % 3 * 240, y = 262 + k / 3 * 30;
        fprintf(p->f, "<rect x=\"%g\" y=\"%g\" width=\"16\" height=\"16\" class=\"%s\"/>\n", x, y, parts[k].class);
        words(p, x + 24, y + 13, "start", "s", "%s", say(p, parts[k].en, parts[k].zh));
    }
    lf_device_close(&device);
    if (status) fprintf(stderr, "draw_figures: %s\n", err.message);
    return status;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*draw)(pen *p);
    } figures[] = {{"block", draw_block},   {"kv-pages", draw_pages},    {"bpe", draw_bpe},
                   {"ragged", draw_ragged}, {"quant-block", draw_quant}, {"memory", draw_memory}};
    if (argc != 2) return fputs("usage: draw_figures DIR\n", stderr), 2;
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        for (int zh = 0; zh < 2; zh++) {
            char path[1024];
            snprintf(path, sizeof path, "%s/%s%s.svg", argv[1], figures[i].name, zh ? ".zh" : "");
            pen p = {.f = fopen(path, "w"), .zh = zh};
            if (!p.f) return perror(path), 1;
            if (figures[i].draw(&p)) return 1;
            fputs("</svg>\n", p.f);
            if (fclose(p.f)) return perror(path), 1;
        }
    return 0;
}
