#!/bin/bash
# test_constrained.sh FOUNDRY SOURCE_DIR - texts that must have a form: a grammar, a JSON Schema; from a model that has seen stories only. And
# texts that are guessed ahead: the same, whoever guesses.
set -u
. "$(dirname "$0")/lib.sh"
tiny_world
run train tiny.yaml --run.dir m --model.max_position_embeddings 512 --train.batch_tokens 512 >m.txt 2>&1 || { cat m.txt; exit 1; }

cat >hero.schema <<'JSON'
{"type": "object",
 "properties": {"name": {"enum": ["Mia", "Tom"]}, "age": {"type": "integer", "minimum": 3, "maximum": 12},
                "tags": {"type": "array", "items": {"type": "string", "pattern": "^[a-z]{1,6}$"}, "maxItems": 3}, "home": {"$ref": "#/$defs/place"}},
 "required": ["name", "age", "home"],
 "$defs": {"place": {"type": "object", "properties": {"town": {"type": "string", "maxLength": 12}}, "required": ["town"], "additionalProperties": false}}}
JSON
printf 'root ::= ("yes" | "no") " " [0-9]{2}\n' >answer.gbnf

for seed in 1 2 3 4 5 6; do
    run generate m --prompt Once --json-schema hero.schema --seed $seed -n 400 --temperature 1 >out.json 2>err.txt || not_ok "seed $seed" "exit 0" "$(cat err.txt)"
    json "seed $seed: JSON" out.json
    tr -d '\n\t' <out.json | grep -qE '^\{ *"name": *"(Mia|Tom)", *"age": *([3-9]|1[0-2]), *("tags": *\[.*\], *)?"home": *\{ *"town": *"[^"]*" *\} *\}$' ||
        not_ok "seed $seed: as the schema has it" "a hero" "$(cat out.json)"
    run generate m --prompt Once --grammar answer.gbnf --seed $seed >out.txt 2>/dev/null
    grep -qxE '(yes|no) [0-9]{2}' out.txt || not_ok "seed $seed: as the grammar has it" "yes or no and a number" "$(cat out.txt)"
done
run generate m --prompt Once --json-schema hero.schema -n 400 --json >out.json 2>/dev/null
says "it ends when the text is whole" '"stop": "end"' out.json
run generate m --prompt Once --json-schema hero.schema -n 400 --threads 1 >one.txt 2>/dev/null
run generate m --prompt Once --json-schema hero.schema -n 400 --threads 2 >two.txt 2>/dev/null
equal "the same text on two threads" "$(cat one.txt)" "$(cat two.txt)"

# ---- speculation ----------------------------------------------------------------------------------------------------------------
run train tiny.yaml --run.dir small --model.hidden_size 16 --model.max_position_embeddings 64 >small.txt 2>&1 || cat small.txt
run tokenizer train s.txt --vocab-size 300 -o tok300 >/dev/null 2>&1
run data prepare s.txt --tokenizer tok300 -o shards300 >/dev/null 2>&1
run train tiny.yaml --data.train shards300 --run.dir other --train.steps 2 --train.warmup_steps 0 >/dev/null 2>&1
for way in "" "--temperature 0" "--n 3 --temperature 1 --repetition-penalty 1.2" "--json-schema hero.schema"; do
    run generate m --prompt "Once upon a time" -n 300 $way >plain.txt 2>err.txt || not_ok "plain" "exit 0" "$(cat err.txt)"
    for guess in "--speculate 16" "--speculate 5 --ngram 1" "--draft small" "--draft m --ngram 0 --threads 1" "--draft small --speculate 3 --kv-type f32"; do
        run generate m --prompt "Once upon a time" -n 300 $way $guess >ahead.txt 2>err.txt || not_ok "$guess" "exit 0" "$(cat err.txt)"
        [ "$guess" = "--draft small --speculate 3 --kv-type f32" ] && run generate m --prompt "Once upon a time" -n 300 $way --kv-type f32 >plain.txt 2>/dev/null
        equal "generate $way $guess: the same text" "$(cat plain.txt)" "$(cat ahead.txt)"
    done
done
run generate m --prompt "Once" -n 300 --draft m --ngram 0 --json >out.json 2>/dev/null
drafted=$(number drafted out.json) accepted=$(number accepted out.json)
[ "$drafted" -gt 100 ] && [ "$accepted" -gt $((drafted * 9 / 10)) ] && ok "a model that guesses for itself is right" || not_ok "a model that guesses for itself" "nearly all right" "$(cat out.json)"
run generate m --draft other -n 9 >out.txt 2>err.txt && not_ok "another vocabulary" "an error" "$(cat out.txt)"
says "a draft with another vocabulary is refused" "the draft model has another vocabulary" err.txt
run generate m --draft nowhere -n 9 2>err.txt && not_ok "no such draft" "an error" ""
says "a draft that is not there" nowhere err.txt
run generate m --speculate 17 2>err.txt && not_ok "too many guesses" "an error" ""
says "guesses are limited" "from 0 to 16" err.txt
finish
