#!/bin/bash
# test_constrained.sh FOUNDRY SOURCE_DIR - texts that must have a form: a grammar, a JSON Schema; from a model that has seen stories only.
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
finish
