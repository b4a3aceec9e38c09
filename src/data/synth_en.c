/* synth_en.c - the English stories: data, read by synth.c. Four tales (something is lost, given, found, earned), one hero H, one friend F
 * of another kind than the hero's K, one object O; H, F and O are named again in almost every sentence and come back in the last paragraph,
 * so that a small model learns in minutes that a story keeps them. Whatever is drawn twice is drawn from two rules. Slots: synth.h.
 * Nouns of rule "object" and the names of heroes and friends stand in no other rule: whoever reads a story can tell them. */
#include "data/synth.h"

/* clang-format off */
const lf_synth_rule lf__synth_en[] = {
    {"story", "{open} {love} {tale}|"},
    {"tale", "{lost}|{gift}|{find}|{earn}|"},
    {"lost", "{own} {go_play} {loss}\n{friend_comes} {lost_talk} {rescue}\n{evening} {lost_end}|"},
    {"gift", "{birthday} {go_give}\n{barrier} {gift_talk}\n{evening} {gift_end}|"},
    {"find", "{go_find} {whose}\n{loser_comes} {find_talk}\n{evening} {find_end}|"},
    {"earn", "{wish} {deal}\n{work} {pay}\n{evening} {earn_end}|"},

    /* ---- the beginning ---- */
    {"open",
     "2*Once upon a time there was a {look}, {adj} {K:kind} named {H:hero} with a {color} {garment}.|"
     "Once upon a time a {look}, {adj} {K:kind} named {H:hero} lived in a {hadj} {home}.|"
     "In a {hadj} {home} by the {feature} lived a {look}, {adj} {K:kind} named {H:hero}.|"
     "Long ago a {adj} {K:kind} named {H:hero} lived in a {hadj} {home} with {num} {color} {pets}.|"},
    {"love",
     "{H} loved {fruit}, {fadj} {treat} and {color} {flower}.|"
     "For breakfast {H} always had {fadj} {fruit} and {fadj} {treat}.|"
     "{H} was good at {hobby} and {sport}.|"
     "Every {weather} {part} {H} went {sport} with {num} {color} {critters}.|"
     "In the garden {H} grew {color} {flower} and {color} {herb}.|"},

    /* ---- lost: a treasure falls into a trap, a friend with a tool gets it out ---- */
    {"own",
     "{H} had a {color} {O:object} with {num} {color} {marks}.|"
     "The {adj} {relative} gave {H} a {color} {O:object} with {num} {color} {marks}.|"
     "The best thing {H} had was a {color} {O:object} from the {adj} {relative}.|"},
    {"go_play",
     "One {weather} {part} {H} took the {O} to the {padj} {place}.|"
     "On a {weather} {part} {H} went to the {padj} {place} to {O1} the {O}.|"},
    {"loss",
     "But {H} tripped over {num} {stones}, and the {O} fell into a {tadj} {trap}.|"
     "But a {adj} {bird} bumped into {H}, and the {O} fell into a {tadj} {trap}.|"
     "Then the {gust} wind took the {O}, and the {O} fell into a {tadj} {trap}.|"},
    {"friend_comes",
     "Then a {adj} {kind-K} named {F:friend} came by with {num} {color} {pets}.|"
     "By the {feature} sat a {adj} {kind-K} named {F:friend} with a {color} {garment}.|"},
    {"lost_talk",
     "\"I have lost my {O},\" {sighed} {H} and felt {sad} and {blue}.|"
     "\"Please help me, {F},\" {sighed} {H}. \"I cannot reach my {O}!\"|"
     "\"Do not be {sad}, {H},\" {said} {F}. \"I will get the {O}!\"|"},
    {"rescue",
     "{F} {adverb} got the {O} out with a {mat} {tool}.|"
     "With a {mat} {tool} {H} and {F} {adverb} pulled the {O} out.|"},
    {"lost_end",
     "2*{any_end}|"
     "\"Thank you, {F},\" {said} {H}, {glad} and {moved}.|"},

    /* ---- gift: a birthday, an obstacle on the way, a happy friend ---- */
    {"birthday",
     "It was the birthday of a {adj} {kind-K} named {F:friend}, so {H} made a {color} {O:object} with {num} {color} {marks}.|"
     "For the birthday of a {adj} {kind-K} named {F:friend}, {H} {adverb} made a {color} {O:object}.|"
     "One day {H} bought a {color} {O:object} for a {adj} {kind-K} named {F:friend}.|"},
    {"go_give",
     "One {weather} {part} {H} took the {O} and some {fadj} {treat} to the {padj} {place} where {F} lived.|"
     "On a {weather} {part} {H} took the {O} to {F} at the {padj} {place}.|"},
    {"barrier",
     "But {block}. \"I must bring {F} the {O},\" {said} {H} and {adverb} {detour}.|"
     "Then {block}. {H} thought of {F}, held the {O} and {adverb} {detour}.|"},
    {"gift_talk",
     "\"The {O} is for you, {F},\" {said} {H}. \"What a {lovely} {O}!\" {said} {F}.|"
     "{F} took the {O} and was {glad} and {moved}. \"Such a {lovely} {O}!\" {said} {F}.|"},
    {"gift_end",
     "2*{any_end}|"
     "\"Thank you, {H},\" {said} {F}, {glad} and {moved}.|"},

    /* ---- find: an honest finder asks until the owner comes ---- */
    {"go_find",
     "One {weather} {part} {H} found a {color} {O:object} with {num} {color} {marks} at the {padj} {place}.|"
     "On a {weather} {part} {H} went to the {padj} {place} and saw a {color} {O:object} under a {padj} {tree}.|"},
    {"whose",
     "\"Whose {O} is this?\" {H} asked {num} {color} {critters}, but they did not know.|"
     "{H} sat down by the {O} and {patiently} waited for {num} hours.|"},
    {"loser_comes",
     "Then a {adj} {kind-K} named {F:friend} came by and looked {sad} and {blue}.|"
     "By the {feature} sat a {adj} {kind-K} named {F:friend} and cried {sadly}.|"},
    {"find_talk",
     "\"I have lost my {O},\" {sighed} {F}. \"Here is the {O}, {F},\" {said} {H}.|"
     "\"Do not be {sad}, {F},\" {said} {H}. \"Is this {O} yours?\" {F} was {glad} and {moved}.|"},
    {"find_end",
     "2*{any_end}|"
     "\"Thank you, {H},\" {said} {F}, {glad} and {moved}.|"},

    /* ---- earn: a wish, a price, honest work ---- */
    {"wish",
     "In the {hadj} shop of a {adj} {kind-K} named {F:friend}, {H} saw a {color} {O:object} with {num} {color} {marks}.|"
     "One {weather} {part} a {adj} {kind-K} named {F:friend} showed {H} a {color} {O:object}.|"},
    {"deal",
     "\"Work for {num} days, {H},\" {said} {F}, \"and the {O} is yours.\"|"
     "{H} had no money for the {O}, so {H} went to work for {F}.|"},
    {"work",
     "So {H} {adverb} {chore} and {errand} for {F}.|"
     "First {H} {adverb} {chore}, then {H} {errand} for {F}.|"},
    {"pay",
     "\"Well done, {H},\" {said} {F}. \"Now the {O} is yours!\"|"
     "{F} was {glad} and {moved} and gave {H} the {O}.|"},
    {"earn_end",
     "2*{any_end}|"
     "\"Thank you, {F},\" {said} {H}, {glad} and {moved}.|"},

    /* ---- the last paragraph ---- */
    {"evening",
     "In the evening {H} and {F} ate {fruit} and {fadj} {treat} and looked at the {O}.|"
     "At sunset {H} and {F} took the {O} and went to see {num} {color} {critters}.|"
     "Now {H} and {F} could {O1} the {O} together under the {padj} {tree}.|"},
    {"any_end",
     "From then on {H} and {F} went {sport} and {hobby} every {weather} {part}.|"
     "And so {H} and {F} became {close} friends and kept {num} {color} {pets}.|"
     "That night {H} slept {soundly} and dreamed of {F} and {num} {color} {critters}.|"},

    /* ---- people and animals ---- */
    {"hero", "Lily|Mia|Rosa|Ella|Ruby|Daisy|Lucy|Zoe|Tom|Ben|Max|Finn|Leo|Sam|Jack|Hugo|"},
    {"friend", "Nora|Greta|Olive|Bella|Iris|Kate|Jenny|Emma|Peter|Simon|Walter|George|Henry|Arthur|David|Edgar|"},
    {"kind", "fox|bear|rabbit|mouse|hedgehog|squirrel|duck|frog|goat|lamb|kitten|puppy|badger|beaver|pony|turtle|"},
    {"look", "little|tiny|small|young|round|fluffy|chubby|nimble|sleepy|hungry|speckled|handsome|"},
    {"adj", "kind|brave|shy|merry|gentle|clever|quiet|cheerful|curious|friendly|patient|playful|polite|proud|jolly|careful|lively|loyal|"
            "humble|lucky|"},
    {"relative", "cousin|neighbor|teacher|doctor|captain|mayor|baker|sailor|gardener|farmer|painter|miller|"},
    {"pets", "hens|bees|mice|doves|kittens|puppies|rabbits|chicks|geese|goldfish|ponies|ducklings|"},
    {"critters", "beetles|snails|crickets|moths|finches|larks|swallows|gulls|herons|storks|cranes|lizards|toads|crabs|swans|spiders|"},
    {"bird", "crow|gull|magpie|hawk|parrot|pigeon|raven|robin|"},

    /* ---- things ---- */
    {"object", "kite/fly|ball/throw|hat/wear|scarf/show|whistle/blow|bell/ring|ribbon/wave|boat/sail|drum/beat|doll/dress|flute/play|"
               "lantern/light|puppet/move|wagon/pull|marble/roll|book/read|"},
    {"trap", "well|ditch|hole|pit|pond|stream|swamp|hedge|bush|barrel|cave|tunnel|"},
    {"tool", "rope|ladder|hook|shovel|net|pole|rake|stick|fork|broom|basket|bucket|"},
    {"mat", "long|strong|sturdy|light|rusty|heavy|handy|bent|wooden|smooth|simple|thick|"},
    {"block", "the river was wide|the {padj} hill was steep|a {tadj} hole lay in the way|the fog was thick|a {color} gate was shut|"
              "a {adj} goose stood in the way|the bridge was broken|a {tree} had fallen on the road|"},
    {"detour", "went on|found another way|took the long way round|followed {num} {color} {critters}|waited for {num} hours|"
               "asked {num} {color} {critters} for help|"},
    {"chore", "swept the {home}|fed the {pets}|washed {num} windows|mended the roof|milked the cow|dusted the shelves|baked {treat}|"
              "polished {num} spoons|"},
    {"errand", "picked {fruit}|carried water|stacked {num} {stones}|painted the {feature}|watered the {flower}|chopped wood|raked leaves|"
               "planted {herb}|"},
    {"fruit", "plums|pears|cherries|nuts|figs|grapes|melons|carrots|beans|peaches|berries|apples|"},
    {"treat", "bread|cheese|jam|pie|cake|buns|pancakes|waffles|cookies|muffins|dumplings|pudding|"},
    {"fadj", "warm|fresh|sweet|tasty|soft|crisp|golden|sticky|buttery|tender|creamy|juicy|"},
    {"home", "cottage|cabin|hut|house|burrow|den|treehouse|mill|barn|tent|tower|castle|"},
    {"hadj", "snug|cozy|crooked|tiny|wooden|painted|round|tidy|narrow|mossy|dusty|quaint|"},
    {"garment", "coat|tail|apron|vest|sweater|tie|nose|shawl|jacket|belt|bonnet|collar|"},
    {"marks", "stars|dots|stripes|hearts|moons|bows|pearls|circles|birds|suns|waves|leaves|"},
    {"stones", "stones|logs|roots|rocks|branches|bricks|pumpkins|boxes|"},

    /* ---- places and times ---- */
    {"place", "meadow|garden|beach|forest|orchard|valley|field|park|hill|river|lake|pasture|grove|island|harbor|village|"},
    {"padj", "wide|hidden|peaceful|green|silent|lonely|distant|secret|famous|pretty|huge|shady|grassy|windy|misty|sunny|"},
    {"feature", "bridge|wall|gate|lane|path|road|fence|farm|market|fountain|haystack|school|"},
    {"tree", "pine|willow|maple|birch|cedar|chestnut|beech|linden|poplar|fir|spruce|larch|"},
    {"flower", "tulips|roses|daisies|lilies|poppies|pansies|bluebells|peonies|"},
    {"herb", "asters|dahlias|orchids|lilacs|clover|mint|heather|lavender|"},
    {"weather", "sunny|windy|frosty|misty|rainy|snowy|breezy|cloudy|chilly|warm|bright|foggy|mild|crisp|calm|fresh|"},
    {"part", "morning|afternoon|day|"},

    /* ---- how ---- */
    {"num", "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|"},
    {"color", "red|blue|green|yellow|white|black|brown|pink|purple|silver|golden|scarlet|violet|gray|striped|spotted|"},
    {"tadj", "deep|dark|muddy|gloomy|narrow|damp|wild|strange|"},
    {"hobby", "singing|dancing|painting|reading|baking|drawing|knitting|whistling|"},
    {"sport", "fishing|climbing|swimming|skating|hiking|sailing|running|rowing|"},
    {"adverb", "gladly|quickly|slowly|gently|eagerly|swiftly|firmly|kindly|warmly|calmly|bravely|proudly|brightly|happily|boldly|carefully|"},
    {"sadly", "softly|quietly|sadly|bitterly|"},
    {"patiently", "patiently|quietly|calmly|silently|"},
    {"soundly", "soundly|deeply|sweetly|warmly|softly|"},
    {"gust", "strong|cold|wild|sudden|chilly|playful|fierce|naughty|"},
    {"said", "said|answered|laughed|called|"},
    {"sighed", "sighed|sobbed|cried|whispered|"},
    {"sad", "sad|gloomy|worried|upset|unhappy|miserable|"},
    {"blue", "lonely|tearful|troubled|tired|lost|helpless|"},
    {"glad", "happy|glad|pleased|excited|cheerful|delighted|"},
    {"moved", "thankful|grateful|joyful|overjoyed|thrilled|relieved|"},
    {"lovely", "lovely|splendid|perfect|charming|magical|wonderful|beautiful|special|"},
    {"close", "close|dear|good|true|great|best|"},
    {NULL, NULL},
};
/* clang-format on */
