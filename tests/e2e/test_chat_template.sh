#!/bin/bash
# test_chat_template.sh FOUNDRY SOURCE_DIR - `foundry chat-template` as people meet it: what it prints, what it refuses, with which words.
set -u
. "$(dirname "$0")/lib.sh"

mkdir model
cp "$SOURCE/tests/golden/data/chat/chatml.jinja" model/chat_template.jinja
echo '[{"role": "user", "content": "Hi <|im_end|>"}]' >chat.json
printf '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\nHi <|im_end|><|im_end|>\n' >want.txt

run chat-template render model --messages chat.json >got.txt 2>err.txt
equal "a conversation" "$(cat want.txt)" "$(cat got.txt err.txt)"
run chat-template render model -m - <chat.json >got.txt 2>&1
equal "from standard input" "$(cat want.txt)" "$(cat got.txt)"
printf '<|im_start|>assistant\n' >>want.txt
run chat-template render model -m chat.json -g >got.txt 2>&1
equal "ready for an answer" "$(cat want.txt)" "$(cat got.txt)"
run chat-template render model -m chat.json --json >got.json
json "--json is JSON" got.json
says "--json tells whose bytes they are" '{"begin": 75, "end": 88, "from_user": true}' got.json
run chat-template show model >got.txt
equal "show" "$(cat model/chat_template.jinja)" "$(cat got.txt)"

mkdir config
echo '{"bos_token": "<s>", "chat_template": [{"name": "default", "template": "{{ bos_token }}{{ x }}"}, {"name": "tool_use",
 "template": "{{ tools|length }}"}, {"name": "day", "template": "{{ strftime_now(\"%d %b %Y\") }}"}]}' >config/tokenizer_config.json
echo '[{"name": "f"}, {}]' >tools.json
equal "tokenizer_config.json, a variable" '<s>[1]' "$(run chat-template render config -m chat.json --var 'x=[1]')"
equal "the template for tools" 2 "$(run chat-template render config -m chat.json --tools tools.json)"
equal "a template by name, a date" '26 Jul 2024' "$(run chat-template render config -m chat.json --template day --date 2024-07-26)"

# refused NAME CODE WORDS ARGUMENTS...
refused() {
    local name=$1 code=$2 words=$3
    shift 3
    run chat-template "$@" >out.txt 2>err.txt </dev/null
    equal "$name: exit" "$code" $?
    says "$name: words" "$words" err.txt
    equal "$name: nothing on stdout" "" "$(cat out.txt)"
}
mkdir bad empty endless
printf 'line one\n{{ messages | tojsn }}\n' >bad/chat_template.jinja
printf '{%% macro m() %%}{{ m() }}{%% endmacro %%}{{ m() }}' >endless/chat_template.jinja
echo '[{"role": "user"},]' >comma.json
refused "unknown filter" 1 'bad/chat_template.jinja:2:15: unknown filter "tojsn"; did you mean "tojson"?' render bad -m chat.json
refused "show checks, too" 1 'bad/chat_template.jinja:2:15' show bad
refused "no end" 1 'endless/chat_template.jinja:1:19: calls and expressions nest more than 400 levels deep' render endless -m chat.json
refused "no template" 1 'empty: no chat template' render empty -m chat.json
refused "no folder" 1 'nowhere: no such folder' render nowhere -m chat.json
refused "no messages" 2 '--messages is missing' render model
refused "no file" 1 'nowhere.json: No such file' render model -m nowhere.json
refused "not JSON" 1 'comma.json:1:19: a comma with nothing behind it' render model -m comma.json
refused "empty input" 1 '-:1:1: a value is missing' render model -m -
refused "bad variable" 2 '--var: expected NAME=JSON, got "x"' render model -m chat.json --var x
refused "bad value" 1 'x:1:1: expected a value of JSON' render model -m chat.json --var x=yes
refused "unknown template" 1 'config: no chat template called "nope"' render config -m chat.json --template nope
refused "unknown sub-command" 2 'did you mean `foundry chat-template render`?' rendr model

LANG=zh_CN.UTF-8 run chat-template render --help --lang zh >got.txt
says "help in Chinese" '对话' got.txt
finish
