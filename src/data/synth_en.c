/* synth_en.c - the English stories: data, read by synth.c. Four tales (something is lost, given, found, earned), one hero H, one friend F,
 * one object O of colour C, one place P. O and both names come back in the last paragraph. Grammar of the slots: synth.h.
 * Nouns of rule "object" stand in no other rule: whoever reads a story can tell its object. */
#include "data/synth.h"

/* Columns of a hero: name / he / him / his / He / His. */
#define SHE "/she/her/her/She/Her|"
#define HE  "/he/him/his/He/His|"

const lf_synth_rule lf__synth_en[] = {
    {"story", "{open} {middle}|"},
    {"middle", "2*{love} {tale}|{tale}|"},
    {"tale", "{lost}|{gift}|{find}|{earn}|"},
    {"lost", "{own} {go_play} {loss}\n{friend_comes} {lost_talk} {rescue}\n{close} {lost_end}|"},
    {"gift", "{birthday} {go_give}\n{barrier} {gift_talk}\n{close} {gift_end}|"},
    {"find", "{go_find} {whose}\n{loser_comes} {find_talk}\n{close} {find_end}|"},
    {"earn", "{wish} {go_work}\n{earn_talk} {work} {pay}\n{close} {earn_end}|"},

    /* ---- the beginning ---- */
    {"open",
     "Once upon a time, a {adj} {K:kind} named {H:hero} lived in a {hadj} {home} by the {feature}.|"
     "There was once a {adj} {K:kind} called {H:hero}, whose {hadj} {home} stood near a {padj} {feature}.|"
     "Long ago, {H:hero} the {adj} {K:kind} lived in a {hadj} {home} with {num} {color} {pets}.|"
     "In a {hadj} {home} behind the {feature} lived {H:hero}, a {adj} {K:kind} with a {color} {garment}.|"
     "Far away, beyond {num} {padj} hills, lived a {adj} {K:kind} named {H:hero}.|"
     "{H:hero} was a {J:adj} and {adj-J} {K:kind} from a {padj} village.|"
     "Everybody in the {padj} village knew {H:hero}, the {adj} {K:kind} with the {color} {garment}.|"
     "This is the story of {H:hero}, a {adj} {K:kind} who shared a {hadj} {home} with {num} {adj} {pets}.|"},
    {"love",
     "{H4} loved {food}, {hobby} and {color} {flower}.|"
     "Every {weekday} {H1} cooked {fadj} {food} for {num} {adj} {guests}.|"
     "Most of all {H1} enjoyed {B:hobby}, {hobby-B} and {fadj} {food}.|"
     "{H5} days were full of {B:hobby}, {hobby-B} and {fadj} {food}.|"
     "Nobody was better at {B:hobby} or {hobby-B}, and nobody ate more {food}.|"
     "In the garden, {num} {color} {D:flower} grew next to {num} {color} {flower-D}.|"
     "At home there was always {hobby}, {fadj} {food} and room for {num} {adj} {guests}.|"
     "All week {H1} sold {A:food}, {food-A} and {color} {flower} to {adj} {guests}.|"},

    /* ---- lost: a treasure falls into a trap, a friend with a tool gets it out ---- */
    {"own",
     "What {H} loved best was a {C:color} {O:object}, a gift from a {adj} {relative}.|"
     "A {adj} {relative} had given {H2} a {C:color} {O:object} with {num} {color} {marks}.|"
     "{H} had one treasure, a {C:color} {O:object} with {num} tiny {marks}.|"
     "Wherever {H} went, a {C:color} {O:object} from a {adj} {relative} went too.|"
     "One day a {adj} {relative} sent {H2} a {C:color} {O:object} and some {food}.|"
     "Under the bed {H} kept a {C:color} {O:object} and a jar of {food}.|"},
    {"go_play",
     "On a {weather} {weekday} {part}, {H1} {went} to the {padj} {P:place} to {O1} the {O}.|"
     "One {weather} {part}, {H1} packed {A:food} and {food-A} and took the {O} to the {padj} {P:place}.|"
     "It was a {weather} {weekday} {part}, just right to {O1} the {O} at the {padj} {P:place}.|"
     "Near the {padj} {P:place}, one {weather} {part}, {H1} stopped {adverb} to {O1} the {O}.|"
     "When a {weather} {weekday} came, {H} {went} {adverb} to the {padj} {P:place} with the {O}.|"},
    {"loss",
     "Suddenly a {color} {bird} swooped down, and the {O} fell into a {tadj} {T:trap}.|"
     "But {num} {adj} {critters} bumped into {H2}, and the {O} rolled into a {tadj} {T:trap}.|"
     "Then the wind blew {adverb}, and the {O} flew straight into a {tadj} {T:trap}.|"
     "While {H} was watching {num} {color} {critters}, the {O} slipped into a {tadj} {T:trap}.|"
     "Oh no! {H} tripped over a {color} {stone}, and the {O} dropped into a {tadj} {T:trap}.|"
     "A {color} {bird} sang so {adverb} that {H} let the {O} fall into a {tadj} {T:trap}.|"},
    {"friend_comes",
     "Just then {F:friend}, a {adj} {G:kind-K}, came by with a basket of {A:food} and {food-A}.|"
     "Soon a {adj} {G:kind-K} named {F:friend} {went} over from the {feature}.|"
     "Luckily {F:friend} the {adj} {G:kind-K} was {hobby} nearby.|"
     "{F:friend}, a {adj} {G:kind-K} with a {color} {garment}, heard the noise.|"
     "Along came {F:friend}, a {adj} {G:kind-K} who was carrying {num} {color} {flower}.|"},
    {"lost_talk",
     "\"Why are you so {sad}, {H}?\" asked {F} {adverb}. \"My {O} is in the {T}!\" {cried} {H}.|"
     "\"You look {sad},\" {said} {F}. \"I am,\" {said} {H}. \"The {T} has my {O}.\"|"
     "\"Please help me, {F},\" {said} {H} {adverb}. \"My {O} is stuck in the {T}.\"|"
     "\"The {T} took my {C} {O},\" {said} {H}. \"Do not be {sad},\" {said} {F} {adverb}.|"
     "{H} pointed {adverb} at the {T}. \"Do not worry,\" {said} {F}. \"We will save your {O}.\"|"},
    {"rescue",
     "{F} fetched a {mat} {T1}, and after {num} tries the {C} {O} was out.|"
     "With a {mat} {T1} they {worked} {adverb} until the {O} was free.|"
     "Together they found a {mat} {T1} and got the {O} back {adverb}.|"
     "In the shed there was a {mat} {T1}, and {num} minutes later {H} held the {O} again.|"
     "\"A {T1} will do it!\" {said} {F}, and so {adverb} they pulled out the {C} {O}.|"},
    {"lost_end",
     "{any_end}|"
     "{H} never went near a {T} again without {F}.|"
     "{H} learned that {adj} friends are better than {color} treasures.|"
     "\"What is lost can be found,\" {said} {F} {adverb}, and {H} agreed.|"
     "Since then, {H} has held on to the {O} very {adverb}.|"},

    /* ---- gift: a birthday, a barrier on the way, a passer-by who helps ---- */
    {"birthday",
     "{H5} best friend was {F:friend}, a {adj} {G:kind-K} who dreamed of a {C:color} {O:object}.|"
     "On {weekday} it was the birthday of {F:friend}, a {adj} {G:kind-K}, so {H1} made a {C:color} {O:object}.|"
     "One day {H1} bought a {C:color} {O:object} for {F:friend}, a {adj} {G:kind-K} who liked {hobby}.|"
     "For {F:friend}, a {adj} and {sad} {G:kind-K}, {H1} made a {C:color} {O:object} with {num} {marks}.|"
     "To cheer up {F:friend}, a {sad} {G:kind-K}, {H1} painted {num} {marks} on a {C:color} {O:object}.|"},
    {"go_give",
     "One {weather} {part}, {H} {went} to the {padj} {P:place} with the {O} and some {fadj} {food}.|"
     "{H} wrapped the {O} in {color} paper and {went} {adverb} toward the {padj} {P:place}.|"
     "On a {weather} {weekday} {part}, {H1} tied {num} {color} {flower} to the {O} and {went} to the {padj} {P:place}.|"
     "When the {weather} {part} came, {H} carried the {O} {adverb} past {num} {color} {critters} to the {padj} {P:place}.|"
     "The {O} went into a {color} bag with {A:food} and {food-A}, and {H} {went} to the {padj} {P:place}.|"},
    {"barrier",
     "But {X:block}. Luckily a {adj} {kind-KG} with a {color} {garment} came and {X1}.|"
     "On the way {X:block}. \"Let me help,\" {said} a {adj} {kind-KG}, who {adverb} {X1}.|"
     "Oh dear, {X:block}! {H} called {adverb}, and a {adj} {kind-KG} {X1}.|"
     "At the {padj} {P}, {X:block}. For some {fadj} {food}, a {adj} {kind-KG} {X1}.|"
     "{H} had to stop, because {X:block}. After {num} minutes a {adj} {kind-KG} {X1}.|"},
    {"gift_talk",
     "\"This {O} is for you, {F},\" {said} {H} {adverb}. \"How {lovely}!\" {cried} {F}.|"
     "{F} opened the door {adverb} and saw the {C} {O}. \"For me? How {lovely}!\" {said} {F}.|"
     "\"Happy birthday, {F}!\" {cried} {H}. {F} took the {O} {adverb} and was very {glad}.|"
     "\"Guess what I have,\" {said} {H}. \"A {C} {O}!\" {cried} {F}, feeling {glad}.|"
     "{F} was {hobby} at home. \"A {O}? You are so {adj},\" {said} {F} {adverb}.|"},
    {"gift_end",
     "{any_end}|"
     "{H} learned that giving is sweeter than {fadj} {food}.|"
     "\"No {part} was ever so {lovely},\" {said} {F} {adverb}.|"
     "{F} has used the {O} every {weekday} since then.|"
     "\"Your {O} is {lovely}, but you are the best gift,\" {said} {F}.|"},

    /* ---- find: an honest finder asks until the owner comes ---- */
    {"go_find",
     "On a {weather} {weekday} {part}, {H} found a {C:color} {O:object} at the {padj} {P:place}.|"
     "One {weather} {part}, {H1} {went} to the {padj} {P:place} and saw a {C:color} {O:object} under a {tree}.|"
     "While {H} was {hobby} near the {padj} {P:place}, {H1} spotted a {C:color} {O:object} among the {flower}.|"
     "After {num} {weather} days, {H} {went} to the {padj} {P:place}, where a {C:color} {O:object} lay near {num} {critters}.|"
     "{H} was looking for {food} at the {padj} {P:place} one {weather} {part} and found a {C:color} {O:object}.|"},
    {"whose",
     "{H4} asked {num} {color} {critters} and a {adj} {bird}, but nobody knew whose it was.|"
     "It would be fun to {O1} the {O}, but somewhere its owner was surely {sad}.|"
     "\"Whose {O} is this?\" {H1} asked {num} {adj} {critters}. They answered {adverb} that they did not know.|"
     "{H4} waited {adverb} beside the {O} for {num} hours, eating {A:food} and {food-A}.|"
     "{H4} wrote \"{O} found\" on a {color} sign and hung it {adverb} on a {tree}.|"},
    {"loser_comes",
     "At last {F:friend} came, a {adj} {G:kind-K} who looked very {sad}.|"
     "Behind a {feature} sat {F:friend}, a {adj} {G:kind-K}, crying {adverb}.|"
     "Then {F:friend} the {adj} {G:kind-K} {went} along the path, feeling {sad}.|"
     "Soon {num} {critters} brought {F:friend}, a {sad} {G:kind-K} with a {color} {garment}.|"
     "A {adj} {G:kind-K} named {F:friend} was searching {adverb} near the {feature}.|"},
    {"find_talk",
     "\"I have lost my {O},\" {said} {F} {adverb}. \"Is it {C}? Then here it is!\" {cried} {H}.|"
     "\"Is this {C} {O} yours?\" asked {H} {adverb}. \"Yes! How {lovely}!\" {cried} {F}.|"
     "\"Have you seen a {C} {O}?\" asked {F}. \"I have it here,\" {said} {H} {adverb}.|"
     "{H} held up the {O} {adverb}. \"You found it! I am so {glad},\" {cried} {F}.|"
     "\"My {O}!\" {cried} {F}. \"My {relative} gave it to me.\" {H} was {glad} and handed it over {adverb}.|"},
    {"find_end",
     "{any_end}|"
     "{H} learned that an honest heart is worth more than a {color} {jewel}.|"
     "\"You may {O1} my {O} every {weekday},\" {said} {F} {adverb}.|"
     "Soon everybody spoke {adverb} of {H}, the honest {K}.|"
     "{F} never lost the {O} again, and {H} found {num} more friends.|"},

    /* ---- earn: a wish, honest work, the wage ---- */
    {"wish",
     "{H} wished for a {C:color} {O:object}, but had only {num} {color} {coins}.|"
     "More than {A:food} or {food-A}, {H1} wanted a {C:color} {O:object}.|"
     "Each night {H} dreamed of a {C:color} {O:object} with {num} {color} {marks}.|"
     "\"I would love to {O1} a {C:color} {O:object},\" {H} often {said} {adverb}.|"
     "A {adj} {relative} told {H} about a {C:color} {O:object}, and now {H1} wanted one too.|"},
    {"go_work",
     "One {weather} {part}, {H1} {went} to the {padj} {P:place}, where {F:friend} the {G:kind-K} had a {hadj} shop.|"
     "On a {weather} {weekday}, {H1} {went} {adverb} to the {padj} {P:place} and met {F:friend}, a {adj} {G:kind-K}.|"
     "{F:friend}, a {adj} {G:kind-K} at the {padj} {P:place}, had one in a {hadj} shop.|"
     "So {H1} {went} to {F:friend}, a {adj} {G:kind-K} who sold {food} at the {padj} {P:place}.|"
     "That {weather} {weekday}, {F:friend} the {adj} {G:kind-K} was {hobby} at the {padj} {P:place}.|"},
    {"earn_talk",
     "\"Work for me for {num} days, and the {O} is yours,\" {said} {F} {adverb}.|"
     "\"May I work for the {O}?\" asked {H} {adverb}. \"Yes, {num} days,\" {said} {F}.|"
     "\"I have a {O},\" {said} {F}, \"but I am too {sad} to work.\" \"I will help,\" {said} {H} {adverb}.|"
     "\"Bring me {num} {color} {flower} and help me,\" {said} {F}, \"and you get the {O}.\"|"
     "\"For a {adj} helper I have a {C} {O},\" {said} {F} {adverb}.|"},
    {"work",
     "So {H} {adverb} {U:chore}, {V:chore-U} and {chore-UV}.|"
     "First {H1} {U:chore}, then {H1} {V:chore-U}, and {adverb} {H1} {chore-UV}.|"
     "{H} {U:chore} and {V:chore-U} until {num} {critters} came to watch.|"
     "Day after day {H} {U:chore}, {V:chore-U} and sang {adverb}.|"
     "With {num} {adj} {guests}, {H} {U:chore} and {adverb} {chore-U}.|"},
    {"pay",
     "Then {F} {adverb} gave {H2} the {C} {O}.|"
     "\"Well done,\" {said} {F}. \"Here is your {C} {O} and some {fadj} {food}.\"|"
     "In the end {F} was {glad} and handed over the {O} with {num} {color} {flower}.|"
     "On {weekday} the {C} {O} belonged to {H}, who felt {glad}.|"
     "How {glad} {H} was when {F} {adverb} brought the {O}!|"},
    {"earn_end",
     "{any_end}|"
     "{H} learned that {adj} work makes {fadj} {food} taste better.|"
     "\"What we earn, we love,\" {said} {H} {adverb}.|"
     "Even now {H} helps in the shop every {weekday}.|"
     "\"You worked so {adverb},\" {said} {F}, \"that I am {glad} to know you.\"|"},

    /* ---- the last paragraph ---- */
    {"close",
     "That evening {H} and {F} ate {fadj} {A:food} and {food-A} under a {tree}, with the {O} between them.|"
     "When the sun went down, {H} and {F} sat by the {O}, sharing {A:food}, {food-A} and {color} {drink}.|"
     "At sunset {num} {adj} {guests} came to {O1} the {O} with {H} and {F}.|"
     "{H} and {F} danced {adverb} around the {O} until {num} {color} stars came out.|"
     "In the evening {F} baked {fadj} {food} while {H} showed the {O} to {num} {guests}.|"
     "Before bed, {H} put the {O} on a {color} {cushion}, and {F} {adverb} told a tale about {num} {critters}.|"
     "As the moon rose over the {P}, {H} and {F} {adverb} began to {O1} the {O}.|"
     "Later, {H} and {F} drew the {O} on a {color} {cushion} and ate {fadj} {food}.|"},
    {"any_end",
     "From that day on, {H} and {F} went {hobby} together every {weekday}.|"
     "And so {H}, {F} and the {num} {critters} lived happily by the {P}.|"
     "{H} fell asleep feeling {glad} and dreamed of {color} {critters}.|"
     "It had been a {weather} and {lovely} day.|"},

    /* ---- people and animals ---- */
    {"hero",
     "Lily" SHE "Mia" SHE "Rosa" SHE "Ella" SHE "Ruby" SHE "Daisy" SHE "Tilly" SHE "Molly" SHE "Wren" SHE "Clara" SHE "Ivy" SHE "Lucy" SHE
     "Zoe" SHE "Maya" SHE "Poppy" SHE "Hanna" SHE "Tom" HE "Ben" HE "Max" HE "Finn" HE "Leo" HE "Sam" HE "Jack" HE "Oscar" HE "Hugo" HE
     "Theo" HE "Otto" HE "Felix" HE "Milo" HE "Ned" HE "Rory" HE "Toby" HE},
    {"friend", "Nora|Greta|Olive|Bella|Anna|Kate|Jenny|Emma|Sally|Penny|Wanda|Vera|Peter|Simon|Walter|George|Henry|Arthur|David|Edgar|Gil|"
               "Jasper|Basil|Victor|"},
    {"kind", "fox|bear|rabbit|mouse|hedgehog|squirrel|duck|frog|goat|lamb|kitten|puppy|badger|beaver|pony|turtle|mole|goose|deer|donkey|panda|"
             "raccoon|tiger|lion|monkey|penguin|koala|otter|owl|sparrow|robin|piglet|camel|zebra|elephant|giraffe|"},
    {"adj", "little|kind|brave|shy|merry|gentle|clever|quiet|cheerful|curious|tiny|friendly|patient|sleepy|playful|polite|daring|proud|jolly|"
            "careful|lively|loyal|humble|hungry|lucky|noisy|dreamy|silly|bold|thoughtful|busy|plump|young|fluffy|tidy|wise|"},
    {"relative", "grandmother|grandfather|uncle|aunt|cousin|brother|sister|godmother|neighbor|teacher|stepsister|nephew|niece|"},
    {"guests", "cousins|neighbors|travelers|children|sailors|ducklings|lambs|farmers|singers|dancers|piglets|puppies|kittens|mice|"},
    {"pets", "hens|bees|mice|doves|kittens|puppies|rabbits|chicks|geese|goldfish|ponies|canaries|ducklings|hamsters|"},
    {"critters", "butterflies|beetles|snails|crickets|dragonflies|ladybugs|moths|doves|finches|larks|swallows|gulls|herons|storks|cranes|magpies|"
                 "lizards|newts|toads|crabs|roosters|hens|pigeons|hares|bats|starlings|fireflies|bees|swans|ants|"},
    {"bird", "crow|gull|magpie|hawk|stork|heron|swan|parrot|pigeon|lark|finch|jay|cuckoo|raven|swallow|"},

    /* ---- things ---- */
    {"object", "kite/fly|ball/bounce|hat/wear|scarf/wear|whistle/blow|bell/ring|ribbon/wave|boat/sail|drum/beat|doll/dress|locket/wear|"
               "coin/spin|marble/roll|cap/wear|flag/wave|lantern/light|flute/play|horn/blow|puppet/move|pinwheel/spin|fiddle/play|"
               "banjo/play|hoop/roll|teapot/fill|book/read|map/study|mug/fill|wagon/pull|necklace/wear|cloak/wear|rattle/shake|globe/turn|"},
    {"trap", "well/{hole_tool}|ditch/{hole_tool}|hole/{hole_tool}|cave/{hole_tool}|pit/{hole_tool}|barrel/{hole_tool}|chimney/{hole_tool}|"
             "tunnel/{hole_tool}|pond/{water_tool}|stream/{water_tool}|swamp/{water_tool}|fountain/{water_tool}|puddle/{water_tool}|"
             "hedge/{bush_tool}|bush/{bush_tool}|thicket/{bush_tool}|haystack/{bush_tool}|bramble/{bush_tool}|"},
    {"hole_tool", "rope|ladder|hook|shovel|candle|chain|spade|torch|"},
    {"water_tool", "net|pole|oar|raft|rod|bucket|sieve|ladle|"},
    {"bush_tool", "rake|stick|fork|pair of gloves|saw|broom|crook|pair of shears|"},
    {"mat", "long|strong|wooden|sturdy|simple|borrowed|rusty|brand-new|heavy|handy|famous|homemade|"},
    {"block", "the river had washed the bridge away/rowed {H2} across|thick fog hid the path/led {H2} through the fog|"
              "a fallen {tree} blocked the road/rolled it aside|a {color} gate was locked/opened the gate|"
              "the lane was deep in mud/carried {H2} over the mud|the hill was far too steep/pulled {H2} up|"
              "{num} {adj} geese stood in the way/chased them off|the road split in {num}/showed {H2} the right way|"
              "a {tadj} ditch crossed the field/laid a plank over it|a {color} snake slept on the bridge/sang it away|"
              "heavy rain began to fall/lent {H2} a {color} umbrella|the {weather} wind pushed {H2} back/walked in front of {H2}|"},
    {"chore", "swept the floor|fed the hens|picked {food}|washed the windows|carried water|stacked the logs|painted the fence|mended the roof|"
              "watered the {flower}|peeled {food}|milked the cow|dusted the shelves|chopped wood|raked the leaves|baked {food}|sorted {food}|"
              "brushed the pony|planted {flower}|polished the spoons|scrubbed the pots|weeded the garden|hung up the laundry|sewed {num} shirts|"
              "guarded the {food}|"},
    {"food", "plums|pears|cherries|nuts|bread|cheese|jam|pie|cake|buns|figs|grapes|melons|carrots|beans|corn|pancakes|waffles|cookies|muffins|"
             "biscuits|peaches|berries|radishes|turnips|dumplings|pudding|tarts|walnuts|dates|noodles|potatoes|rolls|pretzels|apples|almonds|"
             "peas|mushrooms|tomatoes|scones|"},
    {"fadj", "warm|fresh|sweet|tasty|yummy|delicious|homemade|spiced|soft|fine|crisp|rich|golden|sticky|honeyed|fragrant|buttery|tender|sugared|"
             "good|perfect|salted|wonderful|simple|"},
    {"drink", "lemonade|juice|punch|tea|milk|syrup|"},
    {"home", "cottage|cabin|hut|house|burrow|den|treehouse|mill|barn|tent|cave|farmhouse|tower|lighthouse|castle|bakery|windmill|cellar|loft|shed|"},
    {"hadj", "snug|cozy|crooked|tiny|wooden|painted|round|tidy|bright|narrow|warm|mossy|little|sturdy|tall|quaint|clean|dusty|white|red|crowded|"
             "neat|cheerful|low|"},
    {"garment", "coat|beard|tail|apron|vest|sweater|bow tie|nose|shawl|jacket|belt|umbrella|"},
    {"marks", "stars|dots|buttons|stripes|hearts|moons|leaves|bows|pearls|circles|flowers|letters|"},
    {"coins", "pennies|pebbles|buttons|shells|acorns|beads|"},
    {"jewel", "pearl|crown|ruby|diamond|gem|jewel|"},
    {"cushion", "cushion|blanket|shelf|pillow|rug|tablecloth|chair|carpet|"},
    {"stone", "stone|log|root|rock|bucket|branch|brick|pumpkin|"},

    /* ---- places and times ---- */
    {"place", "meadow|garden|beach|forest|orchard|valley|field|park|hill|river|lake|pasture|grove|glade|bay|canyon|island|creek|brook|clearing|"
              "shore|cliff|marsh|hollow|woods|lagoon|vineyard|harbor|"},
    {"padj", "mossy|sandy|sunny|shady|wide|hidden|peaceful|windy|green|rocky|silent|grassy|lonely|leafy|misty|quiet|bright|wild|distant|secret|"
             "flowery|sleepy|dewy|golden|lovely|foggy|dim|famous|"},
    {"feature", "bridge|well|mill|wall|gate|lane|path|road|fence|stream|spring|farm|market|tower|fountain|haystack|chapel|willow|school|station|"},
    {"tree", "pine|willow|maple|birch|cedar|chestnut|beech|linden|poplar|fir|spruce|larch|magnolia|cypress|palm|"},
    {"flower", "tulips|roses|daisies|lilies|poppies|pansies|bluebells|daffodils|sunflowers|marigolds|peonies|snowdrops|buttercups|clovers|asters|"
               "dahlias|ferns|orchids|"},
    {"weather", "sunny|windy|frosty|misty|rainy|snowy|breezy|cloudy|chilly|warm|bright|foggy|mild|gray|crisp|golden|calm|fresh|cool|hazy|clear|"
                "drizzly|"},
    {"weekday", "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday|"},
    {"part", "morning|afternoon|"},

    /* ---- how ---- */
    {"num", "two|three|four|five|six|seven|eight|nine|ten|twelve|"},
    {"color", "red|blue|green|yellow|white|black|brown|pink|purple|silver|golden|scarlet|crimson|violet|gray|striped|spotted|shiny|pretty|rosy|"
              "dotted|pale|speckled|bright|"},
    {"tadj", "deep|dark|big|gloomy|huge|strange|wide|messy|cold|scary|dim|nasty|"},
    {"hobby", "singing|dancing|painting|fishing|climbing|reading|swimming|baking|digging|skating|drawing|knitting|whistling|juggling|sewing|"
              "hopping|skipping|rowing|running|camping|gardening|hiking|sledding|carving|weaving|jumping|rhyming|cooking|humming|stargazing|"
              "racing|napping|"},
    {"adverb", "softly|gladly|quickly|slowly|gently|quietly|eagerly|kindly|warmly|politely|calmly|bravely|proudly|brightly|sweetly|shyly|firmly|"
               "cheerfully|merrily|happily|loudly|carefully|patiently|wisely|"},
    {"went", "walked|skipped|ran|hurried|strolled|marched|wandered|hopped|trotted|raced|danced|rushed|tiptoed|rambled|dashed|trudged|"},
    {"worked", "worked|pulled|tugged|poked|pushed|lifted|struggled|tried|"},
    {"said", "said|whispered|answered|murmured|replied|laughed|sang|chuckled|"},
    {"cried", "cried|shouted|called|exclaimed|sobbed|gasped|yelled|squeaked|"},
    {"sad", "sad|gloomy|upset|worried|unhappy|glum|tearful|miserable|troubled|lonely|pale|heartbroken|downcast|sorry|"},
    {"glad", "happy|glad|pleased|delighted|joyful|cheerful|thankful|grateful|proud|excited|overjoyed|thrilled|merry|content|relieved|"},
    {"lovely", "lovely|beautiful|wonderful|marvelous|splendid|delightful|perfect|sweet|charming|magical|grand|fine|"},
    {NULL, NULL},
};
