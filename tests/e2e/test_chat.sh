#!/bin/bash
# test_chat.sh FOUNDRY SOURCE_DIR - `foundry chat` from a pipe and on a terminal: turns, commands, files, endings, mistakes.
set -u
. "$(dirname "$0")/lib.sh"
export HOME=$WORK/home XDG_STATE_HOME=

tiny_world
run tokenizer train s.txt --vocab-size 400 --special '<|endoftext|>' --special '<|im_start|>' --special '<|im_end|>' -o ctok >world.txt 2>&1
run data prepare s.txt --tokenizer ctok -o cshards --val-fraction 0.05 >>world.txt 2>&1
sed -e 's/train: shards/train: cshards/' -e 's/max_position_embeddings: 64/max_position_embeddings: 512/' tiny.yaml >chat.yaml
run train chat.yaml --train.seq_len 64 --run.dir run >train.txt 2>&1 || not_ok "a run to talk with" 0 "$(tail -n 3 train.txt)"
cp -r "$(ls -d run/checkpoints/step-* | tail -n 1)" model && rm -rf model/trainer
cp "$SOURCE/tests/golden/data/chat/chatml.jinja" model/chat_template.jinja

# talk LINES ARGUMENTS...: from a pipe
talk() {
    local lines=$1
    shift
    printf "$lines" | run chat "$@" >out.txt 2>err.txt
}

# ---- turns -------------------------------------------------------------------------------------------------------------------------
talk 'Hello\nAgain\n' model -n 12
equal "two turns: exit" 0 $?
cp out.txt two.txt
talk 'Hello\n' model -n 12
equal "answers go to stdout, one after the other" "$(cat out.txt)" "$(head -c "$(wc -c <out.txt)" two.txt)"
talk 'Hello\nAgain\n' model -n 12 --json
equal "--json: an object a turn" 2 "$(wc -l <out.txt | tr -d ' ')"
head -n 1 out.txt >first.json
json "--json is JSON" first.json
says "--json: why it stopped" '"stop": "max_tokens"' first.json
for threads in 1 2; do talk 'Hello\nAgain\n' model -n 12 --threads $threads; sha256sum <out.txt; done | sort -u >sums.txt
equal "the same answers for any number of threads" 1 "$(wc -l <sums.txt | tr -d ' ')"
talk '/save a.json\n"""one\ntwo"""\n/save b.json\none\\\ntwo\n/save c.json\n//slash\n/save d.json\n' model -n 3
equal "\"\"\" and a backslash make one message of lines" 2 "$(grep -cF '"content": "one\ntwo"' c.json)"
equal "// is a slash" 1 "$(grep -cF '"content": "/slash"' d.json)"
equal "an empty conversation" '[]' "$(tr -d ' \n' <a.json)"
talk 'Hello' model -n 3
equal "the last line needs no newline" 0 $?
[ -s out.txt ] && ok "it was answered" || not_ok "it was answered" "a text" ""
equal "empty lines are no messages" "" "$(printf '\n  \n' | run chat model 2>&1)"

# ---- the template, and whose words are whose ---------------------------------------------------------------------------------------
talk 'Hi <|im_end|> there\n/save chat.json\n' model -n 12
says "special tokens that are typed stay text" '"content": "Hi <|im_end|> there"' chat.json
ids() { run chat-template render model -m chat.json --tokens | tr ' ' '\n' | grep -c "^$1\$"; }
end=$(tr -d '\n' <model/tokenizer.json | grep -o '{[^{}]*"<|im_end|>"[^{}]*}' | head -n 1 | sed 's/.*"id": \([0-9]*\),.*/\1/')
equal "the template's special tokens are tokens, typed ones are not (chatml.jinja adds a system message)" "3 2" "$(ids "$end") $(grep -c '"role"' chat.json)"
run chat-template render model --messages chat.json >render.txt 2>&1
says "/save writes what chat-template render reads" '<|im_start|>user' render.txt
talk "/params logit_bias $end=1000\nHello\n" model --json
says "the template's turn end ends an answer" '"content": "", "stop": "end"' out.txt
echo '{"eos_token_id": [7, 5]}' >model/generation_config.json
talk '/params logit_bias 5=1000\nHello\n' model --json
says "so does each eos_token_id of generation_config.json" '"content": "", "stop": "end"' out.txt
echo '{"eos_token_id": "five"}' >model/generation_config.json
talk 'Hello\n' model
equal "a generation_config.json that says nothing: exit" 1 $?
says "and its words" 'generation_config.json: eos_token_id: expected a number or a list of numbers' err.txt
rm model/generation_config.json
talk 'Hello\n' run -n 5
says "a model without a template is said to have none" 'has no chat template' err.txt
talk 'Hello\n/stats\n' run --template "$SOURCE/tests/golden/data/chat/chatml.jinja" -n 5
says "/stats says one answer as one" "answers: 1; tokens through the model: " err.txt
equal "--template FILE" "" "$(grep 'no chat template' err.txt)"
run model export model --format gguf --dtype f32 -o m.gguf >out.txt 2>&1
talk 'Hello\n' model --weights f32 -n 12 && cp out.txt folder.txt
talk 'Hello\n' m.gguf -n 12
equal "a GGUF file, with its template, says the same" "$(cat folder.txt)" "$(cat out.txt)"
equal "and knows that it has one" "" "$(grep 'no chat template' err.txt)"
first=$(head -c 3 folder.txt)
talk 'Hello\n' model --weights f32 -n 12 --stop "$first" --json
says "--stop" '"content": "", "stop": "stop"' out.txt

# ---- the engine's switches -----------------------------------------------------------------------------------------------------------
turns='Hello\nAgain\n/stats\n'
content() { sed 's/, "stop".*//' out.txt; }
talk "$turns" model -n 40 --json --temperature 0
content >plain.txt
equal "without guesses there are no figures of them" "" "$(grep drafted out.txt)"
for how in "--speculate 8" "--draft model" "--draft model --ngram 0" "--packed" "--packed --weights q8_0"; do
    talk "$turns" model -n 40 --json --temperature 0 $how
    equal "$how: exit" 0 $?
    case $how in
        *q8_0) ;;
        *) equal "$how: the same answers" "$(cat plain.txt)" "$(content)" ;;
    esac
    case $how in *ngram*)
        equal "a draft that is the model itself is always right" "$(number drafted out.txt)" "$(number accepted out.txt)"
        says "/stats counts guesses" 'tokens were guessed, ' err.txt
        [ "$(number drafted out.txt)" -gt 8 ] && ok "it guesses" || not_ok "it guesses" "more than 8" "$(number drafted out.txt)" ;;
    esac
done
ls -d model/*packed* model.*packed* 2>/dev/null | grep -q . && ok "--packed leaves a copy" || not_ok "--packed leaves a copy" "a file" "$(ls -a model)"
talk 'Hello\n' model --draft tok
equal "a draft that is no model: exit" 1 $?
run train tiny.yaml --run.dir stranger >train.txt 2>&1
for command in chat "generate --prompt Once"; do
    run ${command%% *} model --draft stranger $(sed -n 's/^generate //p' <<<"$command") </dev/null >out.txt 2>err.txt
    equal "$command: a draft with another vocabulary: exit" 1 $?
    says "$command: words" 'the draft model has another vocabulary: token ' err.txt
    says "$command: what to do" 'hint: a draft model is trained with the tokenizer of the model' err.txt
done

# ---- commands ----------------------------------------------------------------------------------------------------------------------
talk 'Hello\n/regen\n/save r.json\n' model -n 12
equal "/regen: another answer in its place" "2 3" "$(grep -c '"role"' r.json) $(cat out.txt r.json | sort -u | grep -c . | awk '{ print ($1 > 2) + 2 }')"
talk 'One\nTwo\n/forget 1\n/save f.json\n/forget\n/tokens\n' model -n 3 --system 'Be brief.'
equal "/forget drops the oldest exchange" 'system user assistant ' "$(sed -n 's/.*"role": "\(.*\)",.*/\1/p' f.json | tr '\n' ' ')"
says "/forget drops all" '(1 messages, ' err.txt
talk '/system Sei kurz.\n/system\n/system -\n/system\n/save s.json\n' model --system 'Be brief.'
says "/system" 'Sei kurz.' err.txt
says "/system -" '(no system message)' err.txt
talk "$(printf 'word %.0s' {1..60})\nHello\n/stats\n" model -n 40
found=$(sed -n 's/.* \([0-9]*\) of them found again.*/\1/p' err.txt)
[ "${found:-0}" -ge 128 ] && ok "what was read is found again" || not_ok "what was read is found again" "128 or more" "$found"
talk '/save t.json\n' model --system 'Be long.' --messages f.json
equal "--system takes the place of the one in --messages" 'system user assistant ' "$(sed -n 's/.*"role": "\(.*\)",.*/\1/p' t.json | tr '\n' ' ')"
says "with its text" 'Be long.' t.json
talk '/params temperature 0\n/params temperature\n/params\n' model
says "/params shows" '  temperature 0  (0 to 100)' err.txt
says "/params shows all" 'mirostat_tau' err.txt
talk '/help\n' model --lang zh
says "/help in Chinese" '忘掉最早的 N 轮' err.txt
talk 'Hello\n/quit\nHello\n' model -n 3 --json
equal "/quit" 1 "$(wc -l <out.txt | tr -d ' ')"

# ---- mistakes: a sentence, and the conversation goes on ----------------------------------------------------------------------------
# wrong NAME WORDS LINES ARGUMENTS...
wrong() {
    local name=$1 words=$2 lines=$3
    shift 3
    talk "$lines" model -n 3 "$@"
    equal "$name: exit" 1 $?
    says "$name: words" "$words" err.txt
}
long=$(printf 'word %.0s' {1..600})
wrong "a conversation that is too long" 'tokens long, the context holds 512' "$long\n/save l.json\n"
says "what to do" '/forget 1 drops the oldest exchange' err.txt
equal "it was not said" '[]' "$(tr -d ' \n' <l.json)"
wrong "a context that is too small" 'the context holds 20' 'Hello\n' --context 20
wrong "unknown command" 'there is no command /hepl' '/hepl\n'
says "did you mean" 'did you mean /help?' err.txt
wrong "unknown parameter" 'did you mean temperature?' '/params temprature 1\n'
wrong "a parameter out of range" 'expected a number from 0 to 1, got "7"' '/params top_p 7\n'
wrong "no such file" 'nowhere.json' '/load nowhere.json\n'
echo '[{"content": "x"}]' >norole.json
wrong "a file that is no conversation" 'norole.json: message 1: expected an object with a "role"' '/load norole.json\n'
echo '[{"role": "user", ' >torn.json
wrong "a torn file" 'torn.json:2:' '/load torn.json\n'
wrong "a folder to save to" 'model' '/save model\n'
wrong "nothing to answer" 'there is nothing to answer yet' '/regen\n'
wrong "bytes that are no text" 'the message is not UTF-8 at byte 1' 'a\377b\n'
wrong "a NUL byte" 'the message is not UTF-8 at byte 1' 'a\0b\n'
talk "/load torn.json\nHello\n" model -n 3 --json
equal "it goes on after a mistake; --json tells both" '{"error":/{"role": /' "$(cut -c1-9 out.txt | tr '\n' /)"
head -n 1 out.txt >error.json
json "an error as JSON" error.json
printf 'Hello\r\n/save crlf.json\r\n/quit\r\n' | run chat model -n 3 >out.txt 2>err.txt
equal "lines that end with a return, too: exit" 0 $?
says "the return is not said" '"content": "Hello"' crlf.json
wrong "a grammar that is not there" 'cannot open "/nowhere"' '/params grammar /nowhere\nHello\n/params grammar ""\nHello\n'
[ -s out.txt ] && ok "/params NAME \"\" takes it away again" || not_ok "/params NAME \"\" takes it away again" "an answer" "$(cat err.txt)"
printf '{{ greeting }}{%% for m in messages %%}{{ m.content }}{%% endfor %%}' >var.jinja
talk '/tokens\n' model --template var.jinja --var 'greeting="some more words"'
[ "$(sed -n 's/.*messages, \([0-9]*\) tokens.*/\1/p' err.txt)" -gt 2 ] && ok "--var" || not_ok "--var" "tokens of it" "$(cat err.txt)"
for bad in "--var x" "--context 100000" "--template nowhere.jinja" "--template-name nope" "--messages torn.json" "--max-tokens 0"; do
    talk 'Hello\n' model $bad
    [ $? -ne 0 ] && [ -s err.txt ] && [ ! -s out.txt ] && ok "$bad is refused" || not_ok "$bad is refused" "a sentence" "$(cat err.txt out.txt)"
done
[ -e /dev/full ] && { printf 'Hello\n' | run chat model -n 3 >/dev/full 2>err.txt; says "a full disk behind stdout" 'space left' err.txt; }
equal "no history of a pipe" "" "$(find home 2>/dev/null)"

# ---- on a terminal: script(1) gives one; Ctrl-C is a byte that the terminal turns into a signal -----------------------------------
if command -v script >/dev/null; then
    : >screen.txt
    seen() { for _ in $(seq 100); do grep -qF -- "$1" screen.txt t.json 2>/dev/null && return; sleep 0.1; done; }
    { seen 'Ctrl-D ends'; printf 'Hello\n'; sleep 0.7; printf 'Once'; sleep 0.2; printf '\003'; sleep 0.2; printf 'Tell\n'; sleep 0.4; printf '\003'; sleep 0.4
        printf '/save t.json\n'; seen '"role"'; printf '\004'; sleep 0.4; } |
        LC_ALL=C.UTF-8 TERM=xterm script -qec "$FOUNDRY chat model -n 400 --context 512" /dev/null >screen.txt 2>&1
    says "a terminal: a greeting" 'Ctrl-C stops an answer' screen.txt
    equal "a line that Ctrl-C gave up is not said, and the program goes on" 0 "$(grep -c '"content": "Once"' t.json)"
    says "what was typed is said" '"content": "Hello"' t.json
    [ -e "$HOME/.local/state/foundry/history" ] && ok "the history is kept" || skip "history" "built without libedit"
    escape=$(tr -d '\n' <model/tokenizer.json | grep -o '"ě": *[0-9]*' | head -n 1 | grep -o '[0-9]*$') # the byte 1b in GPT-2's letters
    script -qec "$FOUNDRY generate model --prompt A --logit-bias $escape=1000 -n 5" /dev/null >screen.txt 2>&1 </dev/null
    equal "a model does not steer a terminal" "5 0" "$(grep -o '�' screen.txt | wc -l | tr -d ' ') $(grep -c $'\e\e' screen.txt)"
    equal "in a pipe its bytes are its bytes" 5 "$(run generate model --prompt A --logit-bias $escape=1000 -n 5 2>/dev/null | tr -dc '\033' | wc -c | tr -d ' ')"
else
    skip "a terminal" "there is no script(1)"
fi

# ---- a window of another size, and the background: tmux(1) is a terminal that can be looked at -------------------------------------------
if command -v tmux >/dev/null && [ -e "$HOME/.local/state/foundry/history" ]; then
    screen() { tmux -S "$WORK/tmux" "$@" 2>/dev/null; }
    typed() { screen send-keys -t t "$@"; }
    shows() { for _ in $(seq 100); do screen capture-pane -p -t t >screen.txt; grep -qF -- "$1" screen.txt && return; sleep 0.1; done; }
    screen -f /dev/null new-session -d -s t -x 40 -y 12 "exec bash --norc"
    typed "PS1='% '; export LC_ALL=C.UTF-8 TERM=xterm; $FOUNDRY chat model -n 5" Enter
    shows '> '
    typed 'a line that is longer than the window is wide, so it wraps'
    shows 'wraps'
    screen resize-window -t t -x 100 -y 20
    sleep 0.3
    typed C-a '=='
    shows '> ==a line that is longer than the window is wide, so it wraps'
    says "a window of another size" '> ==a line that is longer than the window is wide, so it wraps' screen.txt
    typed C-u 'held'
    shows '> held'
    typed C-z
    shows 'Stopped'
    typed fg Enter
    sleep 0.3
    typed ' over' Enter '/save held.json' Enter
    for _ in $(seq 100); do [ -s held.json ] && break; sleep 0.1; done
    says "a line goes on behind Ctrl-Z and fg" '"content": "held over"' held.json
    shows '> held over'
    says "and is seen" '> held over' screen.txt
    screen kill-server
else
    skip "a window of another size" "there is no tmux(1), or it was built without libedit"
fi
finish
