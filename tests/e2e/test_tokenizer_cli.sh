#!/bin/bash
# The command `foundry tokenizer`: learn, encode, decode, look; every mistake a sentence on stderr, the right exit code, nothing written.
set -u
foundry=$1
dir=$(mktemp -d /tmp/foundry-e2e-tokenizer-XXXXXX)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failures=0

fail() { echo "FAILED: $*"; failures=$((failures + 1)); }
# refused CODE WORDS -- ARGS...: the command fails with CODE, says WORDS on stderr and nothing on stdout
refused() {
    local code=$1 words=$2 out err got
    shift 3
    out=$("$foundry" tokenizer "$@" 2>err.txt)
    got=$?
    err=$(cat err.txt)
    [ "$got" = "$code" ] || fail "tokenizer $*: exit $got, expected $code: $err"
    [ -z "$out" ] || fail "tokenizer $*: wrote to stdout: $out"
    case $err in *"$words"*) ;; *) fail "tokenizer $*: \"$err\" does not say \"$words\"" ;; esac
    [ ! -e new ] || { fail "tokenizer $*: wrote something"; rm -rf new; }
}

for i in $(seq 300); do echo "the cat sat on the mat, it's $i. 山水 café"; [ $((i % 50)) = 0 ] && echo '<|endoftext|>'; done > text.txt
printf 'a\xff\x00b \xe5\xb1 \xf0\x9f\x98\x80\r\n' > bytes.bin
: > empty.txt
mkdir folder

out=$("$foundry" tokenizer train text.txt --vocab-size 400 -o tok/ 2>err.txt) || fail "train: $(cat err.txt)"
case $out in *"bytes per token"*"next: foundry data prepare text.txt --tokenizer tok/"*) ;; *) fail "train says: $out" ;; esac
[ -s tok/tokenizer.json ] && [ -s tok/tokenizer_config.json ] || fail "train wrote no tokenizer"
"$foundry" tokenizer train text.txt --vocab-size 400 -o one --threads 1 --json >one.json 2>err.txt || fail "train --json: $(cat err.txt)"
cmp -s tok/tokenizer.json one/tokenizer.json || fail "1 thread and all threads learn differently"
case $(cat one.json) in *'"vocab_size": '*'"bytes_per_token": {'*) ;; *) fail "train --json says: $(cat one.json)" ;; esac
echo keep > tok/notes.txt
"$foundry" tokenizer train text.txt --vocab-size 300 -o tok 2>err.txt >/dev/null || fail "train again: $(cat err.txt)"
[ -s tok/notes.txt ] || fail "training again removed a file that is not its own"

for file in text.txt bytes.bin; do
    "$foundry" tokenizer encode tok --file $file >ids.txt 2>err.txt || fail "encode $file: $(cat err.txt)"
    "$foundry" tokenizer decode tok - <ids.txt >back.bin 2>err.txt || fail "decode $file: $(cat err.txt)"
    cmp -s $file back.bin || fail "$file did not come back"
    [ "$("$foundry" tokenizer encode tok - <$file)" = "$(cat ids.txt)" ] || fail "standard input and --file differ"
done
[ "$("$foundry" tokenizer decode tok "$("$foundry" tokenizer encode tok 'the cat')")" = 'the cat' ] || fail "text on the command line"
end=$("$foundry" tokenizer encode tok '<|endoftext|>' --parse-special)
[ "$end" = 299 ] || fail "the end token is $end"
[ "$("$foundry" tokenizer decode tok 40 $end 41 --skip-special)" = "$("$foundry" tokenizer decode tok 40,41)" ] || fail "--skip-special"
case $("$foundry" tokenizer encode tok 'the cat' --pieces) in *'"the"'*'" cat"'*) ;; *) fail "--pieces" ;; esac
case $("$foundry" tokenizer encode tok 'the' --json) in '{"count": 1, "ids": ['*']}') ;; *) fail "encode --json" ;; esac
case $("$foundry" tokenizer info tok) in *'<|endoftext|> = 299'*fingerprint*) ;; *) fail "info" ;; esac
case $("$foundry" tokenizer info tok --json) in *'"end_token": 299'*) ;; *) fail "info --json" ;; esac
"$foundry" tokenizer train text.txt --mode char -o char >/dev/null 2>err.txt || fail "char: $(cat err.txt)"
refused 1 'byte 1: the character "β" (U+03B2)' -- encode char 'aβ'

# every format gives the same ids; what one cannot say is refused
"$foundry" tokenizer train text.txt --vocab-size 300 --split llama3 --format tiktoken -o llama3 >/dev/null 2>err.txt || fail "train --split: $(cat err.txt)"
[ -e llama3/tokenizer.json ] && [ -e llama3/tokenizer.tiktoken ] || fail "train --format wrote $(ls llama3)"
for format in tokenizer.json vocab-merges tiktoken gguf; do
    "$foundry" tokenizer convert tok --format $format -o as-$format >/dev/null 2>err.txt || fail "convert --format $format: $(cat err.txt)"
    [ "$("$foundry" tokenizer encode as-$format --file text.txt)" = "$("$foundry" tokenizer encode tok --file text.txt)" ] || fail "$format: other ids"
    [ "$("$foundry" tokenizer info as-$format --json | sed 's/.*fingerprint//')" = "$("$foundry" tokenizer info tok --json | sed 's/.*fingerprint//')" ] ||
        fail "$format: another fingerprint"
done
refused 1 "a split rule other than GPT-2's" -- convert llama3 --format vocab-merges -o no
refused 1 "SentencePiece's bpe and unigram" -- convert tok --format sentencepiece -o no
refused 1 'a character vocabulary' -- convert char --format gguf -o no
[ ! -e no ] || fail "a refused conversion left $(ls no)"
refused 2 '-o DIR is missing' -- convert tok
refused 2 '--format' -- convert tok --format gguff -o no
refused 1 'nowhere' -- convert nowhere -o no
refused 2 'split rule "gpt5" is not known' -- train text.txt --vocab-size 300 --split gpt5 -o no
refused 2 '--split means something with --model bpe only' -- train text.txt --mode char --split gpt2 -o no

refused 1 'nowhere.txt' -- train nowhere.txt -o new
refused 1 'empty' -- train text.txt empty.txt -o new
refused 1 'folder' -- train folder -o new
refused 1 'NUL' -- train bytes.bin -o new
refused 1 'expected a folder' -- train text.txt -o text.txt
refused 2 '-o DIR is missing' -- train text.txt
refused 2 'from 257 to 1,000,000' -- train text.txt --vocab-size 0 -o new
refused 2 'from 257 to 1,000,000' -- train text.txt --vocab-size -1 -o new
refused 2 'from 257 to 1,000,000' -- train text.txt --vocab-size 1e30 -o new
refused 2 'did you mean --vocab-size' -- train text.txt --vocab-sise 300 -o new
refused 2 '--threads' -- train text.txt --threads 0 -o new
refused 2 'means nothing with --mode char' -- train text.txt --mode char --vocab-size 300 -o new
refused 2 'twice' -- train text.txt --special '<a>' --special '<a>' -o new
refused 2 'did you mean `foundry tokenizer train`' -- trian text.txt
refused 1 'nowhere' -- encode nowhere text
refused 2 'no text' -- encode tok
refused 2 'not both' -- encode tok text --file text.txt
refused 1 'nowhere.txt' -- encode tok --file nowhere.txt
refused 2 '"4x" is not a token id' -- decode tok 4x
refused 2 'expected an id from 0 to 299' -- decode tok 300
refused 1 'no tokenizer in this folder' -- info folder
head -c 500 tok/tokenizer.json > folder/tokenizer.json
refused 1 'folder/tokenizer.json' -- info folder

[ $failures = 0 ] && echo "all as expected"
exit $failures
