/* docs_site.c - the documents as a web site that works from the disk: docs_site SOURCE OUT. Markdown by cmark-gfm, one page per document
 * and language, the tutorials as chapters, every file that a document links to as a page in either language's menu. No scripts. Prints each
 * link that leads nowhere and each anchor that is not there; exit 1 when there is one. Everything lives until the program ends.
 *
 *     README.md          -> en/index.html             docs/zh/X.md            -> zh/X.html         figures/x.svg -> files/figures/x.svg
 *     README.zh-CN.md    -> zh/index.html             tutorials/README.md     -> en/tutorials/index.html
 *     tutorials/model.c  -> {en,zh}/files/tutorials/model.c.html              configs/ (no README) -> {en,zh}/files/configs/index.html */
#include <cmark-gfm-core-extensions.h>
#include <cmark-gfm.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

enum { PAGES_MAX = 2000, TEXT_MAX = 16 << 20 };
typedef enum page_kind { MARKDOWN, SOURCE, FOLDER, COPY } page_kind;

typedef struct page {
    char *from, *to, *title; /* in the repository, in the site, first heading */
    char *ids;               /* "\nslug\n..." of its headings */
    page_kind kind;
    int group;   /* of the menu, -1 = not in it */
    bool zh;     /* language of a document, or of the menu beside a file */
    lf_buf body; /* of MARKDOWN */
} page;

typedef struct site {
    const char *source, *out;
    page pages[PAGES_MAX];
    int n, n_links, broken;
    lf_error err;
} site;

static const char *const group_names[][2] = {
    {"Begin", "开始"}, {"Guide", "指南"}, {"Reference", "参考"}, {"Chapters in C", "C 语言教程"}, {"For developers", "开发"}};

_Noreturn static void stop(const site *s)
{
    fprintf(stderr, "docs_site: %s\n", s->err.message);
    exit(1);
}

static char *copy_text(const char *text)
{
    char *copy = strdup(text);
    if (!copy) fputs("docs_site: out of memory\n", stderr), exit(1);
    return copy;
}

static bool ends(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

/* ---- which page a file becomes ----------------------------------------------------------------------------------------------------- */
/* "docs/en/../zh/x.md" -> "docs/zh/x.md"; false when it leads out of the repository. */
static bool normalize_path(char *path)
{
    char *parts[64], *rest = NULL, out[LF_PATH_MAX];
    int n = 0;
    snprintf(out, sizeof out, "%s", path);
    for (char *part = strtok_r(out, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
        if (strcmp(part, ".") == 0) continue;
        if (strcmp(part, "..") != 0) {
            if (n == 64) return false;
            parts[n++] = part;
        } else if (n-- == 0)
            return false;
    }
    size_t at = 0;
    path[0] = 0;
    for (int i = 0; i < n; i++) at += (size_t)sprintf(path + at, "%s%s", i ? "/" : "", parts[i]);
    return true;
}

static void to_path(char out[LF_PATH_MAX], page_kind kind, const char *from, bool zh)
{
    char stem[LF_PATH_MAX];
    snprintf(stem, sizeof stem, "%s", from);
    if (kind == MARKDOWN) {
        zh = ends(from, ".zh-CN.md") || begins(from, "docs/zh/");
        *strrchr(stem, '.') = 0;
        if (ends(stem, ".zh-CN")) stem[strlen(stem) - strlen(".zh-CN")] = 0;
        if (ends(stem, "README")) strcpy(stem + strlen(stem) - strlen("README"), "index");
        const char *rest = begins(stem, "docs/en/") || begins(stem, "docs/zh/") ? stem + 8 : stem;
        snprintf(out, LF_PATH_MAX, "%s/%.4000s.html", zh ? "zh" : "en", rest);
    } else if (kind == COPY)
        snprintf(out, LF_PATH_MAX, "files/%.4000s", from);
    else
        snprintf(out, LF_PATH_MAX, "%s/files/%.4000s%s", zh ? "zh" : "en", from, kind == SOURCE ? ".html" : "/index.html");
}

/* Where it stands in the menu. */
static int group_of(const char *from)
{
    if (ends(from, ".svg") || ends(from, ".png")) return -1;
    if (begins(from, "README") || ends(from, "USER_GUIDE.md") || ends(from, "faq.md")) return 0;
    if (strstr(from, "/guide/")) return 1;
    if (strstr(from, "CONTRIBUTING") || strstr(from, "lab-notes") || begins(from, "CHANGELOG")) return 4;
    if (begins(from, "examples/README") || begins(from, "learn/README") || begins(from, "research/README")) return 4;
    if (begins(from, "docs/")) return 2;
    if (begins(from, "tutorials/") && (ends(from, ".c") || strstr(from, "README"))) return 3;
    return -1;
}

/* The page of a file or folder of the repository, made if it is new; NULL when there is no such thing. A folder is its README, for a
 * Chinese reader the Chinese one if there is one. */
static page *page_of(site *s, const char *from, bool zh)
{
    char path[LF_PATH_MAX], to[LF_PATH_MAX], readme[LF_PATH_MAX];
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->pages[i].from, from) == 0 && (s->pages[i].zh == zh || s->pages[i].kind == MARKDOWN || s->pages[i].kind == COPY))
            return &s->pages[i];
    if (lf__path_join(path, s->source, from, &s->err)) stop(s);
    if (!lf__path_exists(path)) return NULL;
    page_kind k = ends(from, ".md") ? MARKDOWN : ends(from, ".svg") || ends(from, ".png") ? COPY : SOURCE;
    if (lf__path_is_dir(path)) {
        for (int i = zh ? 0 : 1; i < 2 && *from; i++) {
            snprintf(readme, sizeof readme, "%.4000s/README%s.md", from, i == 0 ? ".zh-CN" : "");
            page *p = page_of(s, readme, zh);
            if (p) return p;
        }
        k = FOLDER;
    }
    if (s->n == PAGES_MAX) fputs("docs_site: too many pages\n", stderr), exit(1);
    to_path(to, k, from, zh);
    page *p = &s->pages[s->n++];
    *p = (page){
        .from = copy_text(from), .to = copy_text(to), .title = copy_text(from), .ids = copy_text("\n"), .kind = k, .group = group_of(from)};
    p->zh = begins(to, "zh/");
    return p;
}

/* From one page of the site to another: "../../" once per folder. */
static void relative(char out[LF_PATH_MAX], const page *from, const char *to)
{
    size_t at = 0;
    out[0] = 0;
    for (const char *p = from->to; (p = strchr(p, '/')); p++) at += (size_t)sprintf(out + at, "../");
    snprintf(out + at, LF_PATH_MAX - at, "%s", to);
}

/* The same document in the other language, else its front page. */
static page *twin(site *s, const page *p)
{
    char to[LF_PATH_MAX];
    snprintf(to, sizeof to, "%s%s", p->zh ? "en" : "zh", p->to + 2);
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->pages[i].to, to) == 0) return &s->pages[i];
    return page_of(s, p->zh ? "README.md" : "README.zh-CN.md", false);
}

/* ---- text --------------------------------------------------------------------------------------------------------------------------- */
static void add_escaped(lf_buf *out, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = text[i] == '<' ? "&lt;" : text[i] == '>' ? "&gt;" : text[i] == '&' ? "&amp;" : text[i] == '"' ? "&quot;" : NULL;
        name ? lf__buf_puts(out, name) : lf__buf_add(out, text + i, 1);
    }
}

/* A heading's anchor as GitHub makes it: lower case, blanks to '-', ASCII punctuation gone. */
static void slug(lf_buf *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        char c = (char)tolower((unsigned char)*p);
        if (begins(p, "\xEF\xBC") || begins(p, "\xE3\x80")) { /* full-width punctuation */
            p += 2;
            continue;
        }
        if (c == ' ') c = '-';
        if ((unsigned char)c >= 0x80 || isalnum((unsigned char)c) || c == '-' || c == '_') lf__buf_add(out, &c, 1);
    }
}

static void plain_text(lf_buf *out, cmark_node *node)
{
    cmark_iter *it = cmark_iter_new(node);
    for (cmark_event_type e; (e = cmark_iter_next(it)) != CMARK_EVENT_DONE;) {
        cmark_node *n = cmark_iter_get_node(it);
        cmark_node_type t = cmark_node_get_type(n);
        if (e == CMARK_EVENT_ENTER && (t == CMARK_NODE_TEXT || t == CMARK_NODE_CODE)) lf__buf_puts(out, cmark_node_get_literal(n));
        if (e == CMARK_EVENT_ENTER && t == CMARK_NODE_SOFTBREAK) lf__buf_puts(out, " ");
    }
    cmark_iter_free(it);
    if (!out->data) lf__buf_puts(out, "");
}

/* C for the eye: comments, strings and the words that shape it. */
static void add_code(lf_buf *out, const char *text)
{
    static const char *const words[] = {"if",     "else",   "for",   "while",    "return", "static", "const",   "int",
                                        "float",  "double", "void",  "char",     "struct", "enum",   "typedef", "sizeof",
                                        "switch", "case",   "break", "continue", "bool",   "size_t", "do"};
    for (const char *p = text; *p;) {
        size_t n = 1;
        const char *class = NULL;
        if (begins(p, "/*")) {
            const char *end = strstr(p, "*/");
            n = end ? (size_t)(end + 2 - p) : strlen(p), class = "c";
        } else if (begins(p, "//"))
            n = strcspn(p, "\n"), class = "c";
        else if (*p == '"' || *p == '\'') {
            while (p[n] && p[n] != *p && p[n] != '\n') n += p[n] == '\\' && p[n + 1] ? 2 : 1;
            n += p[n] == *p, class = "s";
        } else if (*p == '#' && (p == text || p[-1] == '\n'))
            n = strcspn(p, " \n"), class = "k";
        else if (isalpha((unsigned char)*p) || *p == '_') {
            while (isalnum((unsigned char)p[n]) || p[n] == '_') n++;
            for (size_t i = 0; i < sizeof words / sizeof *words && !class; i++)
                if (strlen(words[i]) == n && memcmp(words[i], p, n) == 0) class = "k";
        }
        if (class) lf__buf_printf(out, "<span class=\"%s\">", class);
        add_escaped(out, p, n);
        if (class) lf__buf_puts(out, "</span>");
        p += n;
    }
}

/* A change for the eye: what comes, what goes, where. */
static void add_diff(lf_buf *out, const char *text)
{
    for (size_t n; *text; text += n) {
        n = strcspn(text, "\n"), n += text[n] == '\n';
        bool file = begins(text, "--- ") || begins(text, "+++ ");
        lf__buf_printf(out, "<span class=\"%s\">", file || *text == '@' ? "k" : *text == '+' ? "plus" : *text == '-' ? "minus" : "same");
        add_escaped(out, text, n);
        lf__buf_puts(out, "</span>");
    }
}

/* ---- Markdown ------------------------------------------------------------------------------------------------------------------------ */
/* A link of the page at `from`: to the site's page of that file, or to the web as it is. Kept as "to#anchor" for check_links. */
static void rewrite_link(site *s, page *from, cmark_node *node)
{
    const char *url = cmark_node_get_url(node);
    char path[LF_PATH_MAX], target[LF_PATH_MAX], href[LF_PATH_MAX * 2];
    if (!url || strstr(url, "://") || begins(url, "mailto:")) return;
    size_t n = strcspn(url, "#");
    const char *slash = strrchr(from->from, '/');
    snprintf(path, sizeof path, "%.*s%.*s", slash && n ? (int)(slash - from->from + 1) : 0, from->from, (int)n, url);
    page *to = n == 0 ? from : normalize_path(path) ? page_of(s, path, from->zh) : NULL;
    s->n_links++;
    if (!to) {
        printf("%s: nothing is at %s\n", from->from, url);
        s->broken++;
        return;
    }
    relative(target, from, to->to);
    snprintf(href, sizeof href, "%s%s", n ? target : "", url + n);
    cmark_node_set_url(node, href);
}

static void mark_heading(page *p, cmark_node *node)
{
    lf_buf text, id, html;
    lf__buf_init(&text, TEXT_MAX), lf__buf_init(&id, TEXT_MAX), lf__buf_init(&html, TEXT_MAX);
    plain_text(&text, node);
    slug(&id, text.data);
    if (cmark_node_get_heading_level(node) == 1 && strcmp(p->title, p->from) == 0) p->title = copy_text(text.data);
    char *ids = malloc(strlen(p->ids) + id.len + 2);
    sprintf(ids, "%s%s\n", p->ids, id.data ? id.data : ""), free(p->ids), p->ids = ids;
    lf__buf_printf(&html, "<a class=\"mark\" id=\"%s\" href=\"#%s\" aria-hidden=\"true\"></a>", id.data ? id.data : "",
                   id.data ? id.data : "");
    cmark_node *anchor = cmark_node_new(CMARK_NODE_HTML_INLINE);
    cmark_node_set_literal(anchor, html.data);
    cmark_node_prepend_child(node, anchor);
    lf__buf_release(&text), lf__buf_release(&id), lf__buf_release(&html);
}

/* The end of a source line is a blank in English; between two Chinese characters, or after 。 and its kind, it is nothing. */
static bool joins_chinese(cmark_node *soft_break)
{
    const char *before = cmark_node_get_literal(cmark_node_previous(soft_break)),
               *after = cmark_node_get_literal(cmark_node_next(soft_break));
    size_t n = before ? strlen(before) : 0;
    if (n < 3 || strcmp(before + n - 3, "\u3000") < 0) return false;
    bool stop = strncmp(before + n - 3, "\u3040", 3) < 0 || strncmp(before + n - 3, "\uFF00", 3) >= 0;
    return stop || (after && strncmp(after, "\u3000", 3) >= 0);
}

/* ```c and ```diff in colours; "```c FILE" has the name of its file above it. */
static void colour_block(cmark_node *node)
{
    char info[LF_PATH_MAX];
    lf_buf html;
    snprintf(info, sizeof info, "%s", cmark_node_get_fence_info(node));
    bool c = strcmp(info, "c") == 0 || begins(info, "c ");
    if (!c && strcmp(info, "diff") != 0) return;
    lf__buf_init(&html, TEXT_MAX);
    if (info[1] == ' ') lf__buf_printf(&html, "<p class=\"path\">%s</p>\n", info + 2);
    lf__buf_printf(&html, "<pre%s><code>", c ? "" : " class=\"diff\"");
    c ? add_code(&html, cmark_node_get_literal(node)) : add_diff(&html, cmark_node_get_literal(node));
    lf__buf_puts(&html, "</code></pre>\n");
    cmark_node_set_type(node, CMARK_NODE_HTML_BLOCK);
    cmark_node_set_literal(node, html.data);
    lf__buf_release(&html);
}

/* A long name in a table may be broken behind its dots and strokes, so that the columns beside it have room. */
static void soften_code(cmark_node *node)
{
    lf_buf html;
    lf__buf_init(&html, TEXT_MAX);
    lf__buf_puts(&html, "<code>");
    for (const char *p = cmark_node_get_literal(node); *p; p++) {
        add_escaped(&html, p, 1);
        if (strchr("._/", *p)) lf__buf_puts(&html, "<wbr>");
    }
    lf__buf_puts(&html, "</code>");
    cmark_node_set_type(node, CMARK_NODE_HTML_INLINE);
    cmark_node_set_literal(node, html.data);
    lf__buf_release(&html);
}

static void render_markdown(site *s, int index)
{
    static const char *const extensions[] = {"table", "strikethrough", "autolink", "tasklist"};
    char path[LF_PATH_MAX];
    lf_buf text;
    lf__buf_init(&text, TEXT_MAX);
    if (lf__path_join(path, s->source, s->pages[index].from, &s->err) || lf__read_file(&text, path, TEXT_MAX, &s->err)) stop(s);
    cmark_parser *parser = cmark_parser_new(CMARK_OPT_DEFAULT | CMARK_OPT_UNSAFE);
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++)
        cmark_parser_attach_syntax_extension(parser, cmark_find_syntax_extension(extensions[i]));
    cmark_parser_feed(parser, text.data, text.len);
    cmark_node *root = cmark_parser_finish(parser);
    cmark_iter *it = cmark_iter_new(root);
    for (cmark_event_type e; (e = cmark_iter_next(it)) != CMARK_EVENT_DONE;) {
        cmark_node *node = cmark_iter_get_node(it);
        cmark_node_type type = cmark_node_get_type(node);
        if (e == CMARK_EVENT_ENTER && (type == CMARK_NODE_LINK || type == CMARK_NODE_IMAGE)) rewrite_link(s, &s->pages[index], node);
        if (e == CMARK_EVENT_ENTER && type == CMARK_NODE_CODE_BLOCK) colour_block(node);
        if (e == CMARK_EVENT_ENTER && type == CMARK_NODE_CODE &&
            strcmp(cmark_node_get_type_string(cmark_node_parent(node)), "table_cell") == 0)
            soften_code(node);
        if (e == CMARK_EVENT_EXIT && type == CMARK_NODE_HEADING) mark_heading(&s->pages[index], node);
        if (type == CMARK_NODE_SOFTBREAK && joins_chinese(node)) cmark_node_free(node);
    }
    cmark_iter_free(it);
    char *html = cmark_render_html(root, CMARK_OPT_DEFAULT | CMARK_OPT_UNSAFE | CMARK_OPT_FULL_INFO_STRING,
                                   cmark_parser_get_syntax_extensions(parser));
    lf__buf_init(&s->pages[index].body, TEXT_MAX);
    lf__buf_puts(&s->pages[index].body, html);
    free(html), cmark_node_free(root), cmark_parser_free(parser), lf__buf_release(&text);
}

/* Every #anchor must be a heading of the page it names. */
static void check_anchors(site *s)
{
    for (int i = 0; i < s->n; i++) {
        const page *p = &s->pages[i];
        for (const char *at = p->body.data; at && (at = strstr(at, " href=\"")); at++) {
            char href[LF_PATH_MAX], path[LF_PATH_MAX * 2], id[LF_PATH_MAX], want[LF_PATH_MAX];
            snprintf(href, sizeof href, "%.*s", (int)strcspn(at + 7, "\""), at + 7);
            char *hash = strchr(href, '#');
            if (!hash || strstr(href, "://")) continue;
            size_t n = 0; /* cmark writes what is not ASCII as %XX */
            for (const char *c = hash + 1; *c; c++) {
                unsigned byte;
                if (*c == '%' && sscanf(c + 1, "%2x", &byte) == 1)
                    id[n++] = (char)byte, c += 2;
                else
                    id[n++] = *c;
            }
            id[n] = 0, *hash = 0;
            const char *slash = strrchr(p->to, '/');
            snprintf(path, sizeof path, "%.*s%s", *href ? (int)(slash - p->to + 1) : (int)strlen(p->to), p->to, href);
            normalize_path(path);
            snprintf(want, sizeof want, "\n%.4000s\n", id);
            bool found = false;
            for (int k = 0; k < s->n && !found; k++) found = strcmp(s->pages[k].to, path) == 0 && strstr(s->pages[k].ids, want);
            if (found) continue;
            printf("%s: %s has no heading #%s\n", p->from, path, id);
            s->broken++;
        }
    }
}

/* ---- pages --------------------------------------------------------------------------------------------------------------------------- */
/* The pages of group g in this language whose title begins with the number `order`, 0: with none. */
static void add_entries(lf_buf *out, site *s, const page *here, bool zh, int g, int order)
{
    char to[LF_PATH_MAX];
    for (int i = 0; i < s->n; i++) {
        const page *p = &s->pages[i];
        if (p->group != g || p->zh != zh || atoi(p->title) != order) continue;
        relative(to, here, p->to);
        lf__buf_printf(out, "<li><a%s href=\"%s\">", p == here ? " class=\"here\"" : "", to);
        add_escaped(out, p->title, strlen(p->title));
        lf__buf_puts(out, "</a></li>\n");
    }
}

static void add_menu(lf_buf *out, site *s, const page *here, bool zh)
{
    for (int g = 0; g < (int)(sizeof group_names / sizeof *group_names); g++) {
        bool any = false;
        for (int i = 0; i < s->n; i++) any |= s->pages[i].group == g && s->pages[i].zh == zh;
        if (!any) continue;
        lf__buf_printf(out, "<h2>%s</h2>\n<ul>\n", group_names[g][zh]);
        for (int order = 0; order < 100; order++) add_entries(out, s, here, zh, g, order);
        lf__buf_puts(out, "</ul>\n");
    }
}

/* The chapters before and after this one. */
static void add_neighbours(lf_buf *out, site *s, const page *here)
{
    char to[LF_PATH_MAX];
    int order = atoi(here->title);
    if (order == 0) return;
    lf__buf_puts(out, "<footer>\n");
    for (int step = -1; step <= 1; step += 2)
        for (int i = 0; i < s->n; i++) {
            const page *p = &s->pages[i];
            if (p->group != here->group || p->zh != here->zh || atoi(p->title) != order + step || order + step == 0) continue;
            relative(to, here, p->to);
            lf__buf_printf(out, "<a class=\"%s\" href=\"%s\">", step < 0 ? "before" : "after", to);
            add_escaped(out, p->title, strlen(p->title));
            lf__buf_puts(out, "</a>\n");
        }
    lf__buf_puts(out, "</footer>\n");
}

static void write_page(site *s, const page *p, const char *body)
{
    lf_buf out;
    char to[LF_PATH_MAX], path[LF_PATH_MAX], dir[LF_PATH_MAX];
    lf__buf_init(&out, TEXT_MAX);
    bool zh = p->zh;
    relative(to, p, "style.css");
    lf__buf_printf(
        &out,
        "<!doctype html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n",
        zh ? "zh-CN" : "en");
    lf__buf_puts(&out, "<title>"), add_escaped(&out, p->title, strlen(p->title));
    lf__buf_printf(&out, " · LLM Foundry</title>\n<link rel=\"stylesheet\" href=\"%s\">\n</head>\n<body>\n<header>", to);
    relative(to, p, zh ? "zh/index.html" : "en/index.html");
    lf__buf_printf(&out, "<a class=\"name\" href=\"%s\">LLM Foundry</a><a class=\"contents\" href=\"#contents\">%s</a>", to,
                   zh ? "目录" : "Contents");
    relative(to, p, twin(s, p)->to);
    lf__buf_printf(&out, "<a class=\"language\" href=\"%s\">%s</a></header>\n<nav id=\"contents\">\n", to, zh ? "English" : "中文");
    add_menu(&out, s, p, zh);
    lf__buf_printf(&out, "</nav>\n<main>\n%s", body);
    add_neighbours(&out, s, p);
    lf__buf_puts(&out, "</main>\n</body>\n</html>\n");
    if (out.failed || lf__path_join(path, s->out, p->to, &s->err)) stop(s);
    snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
    if (lf__make_dirs(dir, &s->err) || lf__write_file(path, out.data, out.len, &s->err)) stop(s);
    lf__buf_release(&out);
}

static void write_source(site *s, const page *p, const char *path)
{
    lf_buf text, body;
    lf__buf_init(&text, TEXT_MAX), lf__buf_init(&body, TEXT_MAX);
    if (lf__read_file(&text, path, TEXT_MAX, &s->err)) stop(s);
    lf__buf_printf(&body, "<p class=\"path\">%s</p>\n<pre class=\"source\"><code>", p->from);
    if (ends(p->from, ".c") || ends(p->from, ".h"))
        add_code(&body, text.data ? text.data : "");
    else
        add_escaped(&body, text.data ? text.data : "", text.len);
    lf__buf_puts(&body, "</code></pre>\n");
    write_page(s, p, body.data);
    lf__buf_release(&text), lf__buf_release(&body);
}

static void write_folder(site *s, const page *p, const char *path)
{
    lf_buf body;
    char **names;
    size_t n;
    lf__buf_init(&body, TEXT_MAX);
    if (lf__list_dir(path, &names, &n, &s->err)) stop(s);
    lf__buf_printf(&body, "<h1>%s/</h1>\n<ul>\n", p->from);
    for (size_t i = 0; i < n; i++) lf__buf_printf(&body, "<li><code>%s</code></li>\n", names[i]);
    lf__buf_puts(&body, "</ul>\n");
    write_page(s, p, body.data);
    lf__names_free(&names, n), lf__buf_release(&body);
}

static void write_all(site *s)
{
    char path[LF_PATH_MAX], to[LF_PATH_MAX], dir[LF_PATH_MAX];
    for (int i = 0; i < s->n; i++) {
        const page *p = &s->pages[i];
        if (lf__path_join(path, s->source, p->from, &s->err) || lf__path_join(to, s->out, p->to, &s->err)) stop(s);
        if (p->kind == MARKDOWN) write_page(s, p, p->body.data ? p->body.data : "");
        if (p->kind == SOURCE) write_source(s, p, path);
        if (p->kind == FOLDER) write_folder(s, p, path);
        if (p->kind != COPY) continue;
        lf_buf bytes;
        lf__buf_init(&bytes, TEXT_MAX);
        snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(to, '/') - to), to);
        if (lf__read_file(&bytes, path, TEXT_MAX, &s->err) || lf__make_dirs(dir, &s->err) ||
            lf__write_file(to, bytes.data, bytes.len, &s->err))
            stop(s);
        lf__buf_release(&bytes);
    }
}

/* The first page: what this is, and the guide's chapters, in either language. */
static void write_front(site *s)
{
    static const char *const sentences[] = {
        "A library, a command and a course in C: a language model from bytes to talk, on an ordinary CPU.",
        "一个库，一个命令，一门课程，全用 C 写成：从字节到会说话的语言模型，普通 CPU 就够。"};
    page front = {.from = "", .to = "index.html", .title = "LLM Foundry", .group = -1};
    lf_buf body;
    lf__buf_init(&body, TEXT_MAX);
    lf__buf_puts(&body, "<h1>LLM Foundry</h1>\n<div class=\"front\">\n");
    for (int zh = 0; zh < 2; zh++) {
        lf__buf_printf(&body, "<section lang=\"%s\">\n<p>%s</p>\n<p class=\"choose\"><a href=\"%s/index.html\">%s</a></p>\n<ul>\n",
                       zh ? "zh-CN" : "en", sentences[zh], zh ? "zh" : "en", zh ? "中文" : "English");
        for (int order = 1; order < 100; order++) add_entries(&body, s, &front, zh, 1, order);
        lf__buf_puts(&body, "</ul>\n</section>\n");
    }
    lf__buf_puts(&body, "</div>\n");
    if (body.failed) stop(s);
    write_page(s, &front, body.data);
    lf__buf_release(&body);
}

/* ---- the whole ----------------------------------------------------------------------------------------------------------------------- */
/* "/" + "* config.c - chapter 1: what ...: more" -> "1  config.c" */
static void name_chapter(site *s, page *p)
{
    char path[LF_PATH_MAX], title[256];
    const char *file = strrchr(p->from, '/') + 1;
    lf_buf text;
    lf__buf_init(&text, TEXT_MAX);
    if (lf__path_join(path, s->source, p->from, &s->err) || lf__read_file(&text, path, TEXT_MAX, &s->err)) stop(s);
    const char *chapter = strstr(text.data, "chapter ");
    if (chapter && chapter < text.data + strcspn(text.data, "\n")) {
        snprintf(title, sizeof title, "%.*s  %s", (int)strspn(chapter + 8, "0123456789"), chapter + 8, file);
        p->title = copy_text(title);
    }
    lf__buf_release(&text);
}

static void add_folder_of_documents(site *s, const char *folder)
{
    char path[LF_PATH_MAX], from[LF_PATH_MAX], **names;
    size_t n;
    if (lf__path_join(path, s->source, folder, &s->err) || lf__list_dir(path, &names, &n, &s->err)) stop(s);
    for (int documents = 1; documents >= 0; documents--)
        for (size_t i = 0; i < n; i++) {
            snprintf(from, sizeof from, "%.2000s/%.2000s", folder, names[i]);
            snprintf(path, sizeof path, "%.2000s/%.2000s", s->source, from);
            if (lf__path_is_dir(path) && !documents) add_folder_of_documents(s, from);
            if (ends(names[i], ".md") && documents) page_of(s, from, false);
        }
    lf__names_free(&names, n);
}

int main(int argc, char **argv)
{
    static const char *const more[] = {"tutorials", "CONTRIBUTING.md", "CONTRIBUTING.zh-CN.md", "learn", "examples", "research"};
    if (argc != 3) return fputs("usage: docs_site SOURCE OUT\n", stderr), 2;
    site *s = calloc(1, sizeof *s);
    if (!s) return 1;
    s->source = argv[1], s->out = argv[2];
    cmark_gfm_core_extensions_ensure_registered();
    if (!page_of(s, "README.md", false) || !page_of(s, "README.zh-CN.md", true))
        return fputs("docs_site: SOURCE has no README.md\n", stderr), 2;
    add_folder_of_documents(s, "docs/en"), add_folder_of_documents(s, "docs/zh");
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) page_of(s, more[i], false), page_of(s, more[i], true);
    for (int i = 0; i < s->n; i++) { /* rendering finds more */
        if (s->pages[i].kind == MARKDOWN) render_markdown(s, i);
        if (s->pages[i].kind == SOURCE && s->pages[i].group == 3) name_chapter(s, &s->pages[i]);
        if (s->pages[i].kind == SOURCE || s->pages[i].kind == FOLDER) page_of(s, s->pages[i].from, !s->pages[i].zh);
    }
    check_anchors(s);
    write_all(s);
    write_front(s);
    char css[LF_PATH_MAX], to[LF_PATH_MAX];
    lf_buf style;
    lf__buf_init(&style, TEXT_MAX);
    if (lf__path_join(css, s->source, "tools/site.css", &s->err) || lf__read_file(&style, css, TEXT_MAX, &s->err) ||
        lf__path_join(to, s->out, "style.css", &s->err) || lf__write_file(to, style.data, style.len, &s->err))
        stop(s);
    printf("%d pages, %d links inside, %d broken: %s/index.html\n", s->n, s->n_links, s->broken, s->out);
    return s->broken > 0;
}
