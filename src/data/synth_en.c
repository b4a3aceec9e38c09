/* synth_en.c - the English stories: data, read by synth.c. Four tales (something is lost, given, found, earned), one hero H, one friend F,
 * one object O of colour C, one place P; H, F and O come back in the last paragraph. Grammar of the slots: synth.h.
 * Nouns of rule "object" and the names of heroes and friends stand in no other rule: whoever reads a story can tell them. */
#include "data/synth.h"

/* Columns of a hero: name / he / him / his / He / His. */
#define SHE "/she/her/her/She/Her|"
#define HE  "/he/him/his/He/His|"

/* clang-format off */
const lf_synth_rule lf__synth_en[] = {
    {"story", "{open} {middle}|"},
    {"middle", "{lost}|3*{love} {tale}|"},
    {"tale", "{gift}|{find}|{earn}|"},
    {"lost", "{own} {go_play} {loss}\n{friend_comes} {lost_talk} {rescue}\n{close} {lost_end}|"},
    {"gift", "{birthday} {go_give}\n{barrier} {gift_talk}\n{close} {gift_end}|"},
    {"find", "{go_find} {whose}\n{loser_comes} {find_talk}\n{close} {find_end}|"},
    {"earn", "{wish} {go_work}\n{earn_talk} {work} {pay}\n{close} {earn_end}|"},

    /* ---- the beginning ---- */
    {"open",
     "2*Once upon a time a {J:adj}, {adj-J} {K:kind} named {H:hero} lived in a {hadj} {home} with {num} {color} {pets}.|"
     "There once was a {J:adj}, {adj-J} {K:kind} called {H:hero} with {num} {color} {pets} and a {hadj} {home}.|"
     "Long ago {H:hero} the {adj} {K:kind} shared a {hadj} {home} with {M:name}, {name-M} and {num} {adj} {pets}.|"
     "In a {hadj} {home} near a {padj} {feature} lived {H:hero}, a {J:adj} and {adj-J} {K:kind}.|"
     "Far away, in {padj} {town}, lived a {J:adj}, {adj-J} {K:kind} named {H:hero} with {num} {color} {pets}.|"
     "{H:hero} was a {J:adj} and {adj-J} {K:kind} from {town} with a {color} {garment} and {num} {adj} {pets}.|"
     "All {town} knew {H:hero}, the {J:adj} and {adj-J} {K:kind} with the {color} {garment}.|"},
    {"love",
     "{H4} loved {A:food}, {food-A}, {B:hobby}, {hobby-B} and {color} {flower}.|"
     "At noon {H1} cooked {fadj} {A:food} and {food-A} for {M:name}, {name-M} and {num} {adj} {guests}.|"
     "Most of all {H1} enjoyed {B:hobby}, {hobby-B}, {A:food} and {fadj} {food-A}.|"
     "{H5} {relative} {name} taught {H2} {B:hobby}, {hobby-B} and how to bake {fadj} {food}.|"
     "Outside, {num} {color} {D:flower} grew among {color} {flower-D} and {padj} {trees}.|"
     "Together with {M:name} and {name-M}, {H1} sold {A:food}, {food-A} and {color} {flower}.|"
     "Some days were for {B:hobby} or {hobby-B}, others for {A:food} and {fadj} {food-A}.|"
     "Friends like {M:name}, {N:name-M} and {name-MN} came for {hobby} and {fadj} {food}.|"},

    /* ---- lost: a treasure falls into a trap, a friend with a tool gets it out ---- */
    {"own",
     "{H5} {relative} {name} had made {H2} a {C:color} {O:object} with {num} {color} {marks}.|"
     "Best of all was a {C:color} {O:object} with {num} {color} {marks} from {relative} {name}.|"
     "Under {color} {flower} {H1} hid a {C:color} {O:object}, {num} {coins} and some {fadj} {food}.|"
     "One day {adj} {relative} {name} sent {H2} a {C:color} {O:object}, {A:food} and {food-A}.|"
     "From {M:name} and {name-M} {H1} had a {C:color} {O:object} with {num} {color} {marks}.|"},
    {"go_play",
     "One {Z:weather}, {weather-Z} {part} {H1} {went} {adverb} to the {padj} {P:place} to {O1} the {O}.|"
     "That {weather} {part} {H1} packed {A:food}, {fadj} {food-A} and the {O} and {went} to the {padj} {P:place}.|"
     "A {Z:weather}, {weather-Z} {part} came, and {H1} {went} to the {padj} {P:place} with the {O}, {name} and {adj} {name}.|"
     "Near the {padj} {P:place}, one {weather} {part}, {H1} {adverb} showed the {O} to {num} {color} {critters}.|"
     "With the {O} {H1} {went} past {num} {color} {critters} to the {padj} {P:place} that {weather} {part}.|"},
    {"loss",
     "A {adj}, {color} {bird} came by, and the {O} fell into a {tadj} {T:trap}.|"
     "But {num} {color} {Q:critters} and {adj} {critters-Q} raced by, and the {O} rolled into a {tadj} {T:trap}.|"
     "Then a {Z:weather}, {weather-Z} wind blew the {O} {adverb} into a {tadj} {T:trap}.|"
     "Among {num} {color} {critters} the {O} {adverb} slid into a {tadj} {T:trap}.|"
     "Over {num} {color} {stones} the {O} dropped into a {tadj} {T:trap}.|"},
    {"friend_comes",
     "Soon {F:friend}, a {J:adj} and {adj-J} {G:kind-K}, came by with {A:food}, {food-A} and {color} {flower}.|"
     "A {J:adj}, {adj-J} {G:kind-K} named {F:friend} {went} over {adverb} with {num} {guests}.|"
     "Luckily {F:friend}, a {adj} {G:kind-K} with a {color} {garment}, was {hobby} by the {feature}.|"
     "{F:friend} the {adj} {G:kind-K} was {hobby} nearby with {M:name}, {name-M} and {num} {adj} {guests}.|"
     "Along came {F:friend}, a {adj} {G:kind-K} with {num} {color} {pets} and some {fadj} {food}.|"},
    {"lost_talk",
     "\"I am {S:sad} and {sad-S}, {adj} {G},\" {said} {H} {adverb}.|"
     "\"Do not be {S:sad} or {sad-S},\" {said} the {adj} {G} {adverb}.|"
     "{H} was {S:sad} and {sad-S}. \"Help me, {adj} {G}!\" {cried} the {K} {adverb}.|"
     "\"Poor, {adj} {H}!\" {cried} {F}, {S:sad} and {sad-S}, looking {adverb} into the {T}.|"
     "\"My {O}!\" {cried} {H}, {S:sad} and {sad-S}. {F} {adverb} hugged the {adj} {K}.|"},
    {"rescue",
     "With a {Y:mat}, {mat-Y} {T1} {F} and {num} {adj} {guests} {adverb} got the {O}.|"
     "{F} ran for a {mat} {T1}, {M:name}, {name-M} and {num} {adj} {guests}, and up came the {O}.|"
     "Near a {padj} {feature} stood a {Y:mat}, {mat-Y} {T1}, and {F} {adverb} fetched the {O}.|"
     "{M:name}, {N:name-M} and {name-MN}, the {adj} {guests}, lent a {mat} {T1}, and the {O} was free.|"
     "In {num} minutes {F} found a {Y:mat}, {mat-Y} {T1} and {adverb} freed the {O}.|"},
    {"lost_end",
     "2*{any_end}|"
     "{H} learned that {J:adj}, {adj-J} friends beat {num} {color} {jewels}.|"
     "\"All is {L:lovely} and {lovely-L},\" {said} {F} {adverb}, eating {fadj} {food}.|"
     "Both felt {V:glad} and {glad-V}, and {adj} {F} sang {adverb}.|"},

    /* ---- gift: a birthday, a barrier on the way, a passer-by who helps ---- */
    {"birthday",
     "{H5} friend {F:friend}, a {J:adj}, {adj-J} {G:kind-K}, dreamed of a {C:color} {O:object} with {num} {color} {marks}.|"
     "It was the birthday of {F:friend}, a {J:adj}, {adj-J} {G:kind-K}, so {H1} {adverb} made a {C:color} {O:object}.|"
     "For {F:friend}, a {adj} {G:kind-K} who loved {B:hobby} and {hobby-B}, {H1} {adverb} made a {C:color} {O:object}.|"
     "To cheer up {F:friend}, a {adj} {G:kind-K}, {H1} painted {num} {color} {marks} on a {C:color} {O:object}.|"
     "With {M:name} and {name-M}, {H1} bought a {C:color} {O:object} for {F:friend}, a {adj} {G:kind-K}.|"},
    {"go_give",
     "One {weather} {part} {H1} {went} {adverb} to the {padj} {P:place} with the {O}, {A:food} and {fadj} {food-A}.|"
     "In {color} paper and {color} {flower} the {O} {adverb} left for the {padj} {P:place}.|"
     "That {Z:weather}, {weather-Z} {part} {H1} {went} to the {padj} {P:place} with the {O} and {num} {color} {flower}.|"
     "Past {num} {color} {Q:critters} and {adj} {critters-Q} {H1} carried the {O} to the {padj} {P:place} one {weather} {part}.|"
     "Into a {color} bag went the {O}, {A:food} and {food-A}, and {H1} {went} {adverb} to the {padj} {P:place}.|"},
    {"barrier",
     "But {X:block}. A {J:adj}, {adj-J} {kind-KG} with a {color} {garment} {adverb} {X1}.|"
     "Alas, {X:block}. The {adj} {guests} {M:name}, {N:name-M} and {name-MN} {adverb} {X1}.|"
     "Oh dear, {X:block}! But {name}, a {J:adj}, {adj-J} {kind-KG}, {adverb} {X1}.|"
     "Then {X:block}. For {A:food} and {fadj} {food-A}, a {adj} {kind-KG} {adverb} {X1}.|"},
    {"gift_talk",
     "\"How {L:lovely} and {lovely-L}!\" {cried} {F} {adverb}. \"You are so {J:adj} and {adj-J}!\"|"
     "{F} took the {O} {adverb}, {V:glad} and {glad-V}. \"How {lovely}!\" {cried} the {adj} {G}.|"
     "\"For you, {J:adj}, {adj-J} {G}!\" {said} {H} {adverb}. {F} was {V:glad} and {glad-V}.|"
     "With {num} {adj} {pets}, {F} came out, {V:glad} and {glad-V}. \"So {lovely}!\" {cried} the {G}.|"},
    {"gift_end",
     "2*{any_end}|"
     "{H} learned that giving beats {A:food}, {food-A} and {fadj} {drink}.|"
     "\"So {L:lovely}, so {lovely-L}!\" {said} {F} {adverb} to {M:name} and {name-M}.|"
     "Since then {F} and {num} {adj} {guests} {adverb} share the {C} {O}.|"},

    /* ---- find: an honest finder asks until the owner comes ---- */
    {"go_find",
     "One {Z:weather}, {weather-Z} {part} {H1} found a {C:color} {O:object} and {num} {coins} at the {padj} {P:place}.|"
     "That {weather} {part} {H1} {went} {adverb} to the {padj} {P:place} and saw a {C:color} {O:object} near a {padj} {tree}.|"
     "While {hobby} at the {padj} {P:place} with {name}, {H1} spotted a {C:color} {O:object} among {color} {flower}.|"
     "After {num} {weather} days {H1} {went} to the {padj} {P:place}, where {num} {color} {critters} guarded a {C:color} {O:object}.|"
     "Picking {A:food} and {food-A} at the {padj} {P:place} one {weather} {part}, {H1} found a {C:color} {O:object}.|"},
    {"whose",
     "{H4} {adverb} asked {num} {color} {Q:critters}, {num} {critters-Q} and a {adj} {bird} whose it was.|"
     "Somewhere a {J:adj}, {adj-J} owner was surely {S:sad} and {sad-S}.|"
     "{H4} waited {adverb} for {num} hours, eating {A:food}, {E:food-A} and {fadj} {food-AE}.|"
     "\"Whose is it?\" {H1} asked {M:name}, {N:name-M} and {name-MN}, the {adj} {guests} by the {feature}.|"},
    {"loser_comes",
     "At last came {F:friend}, a {J:adj}, {adj-J} {G:kind-K} who looked {S:sad} and {sad-S}.|"
     "Behind a {padj} {feature} sat {F:friend}, a {J:adj}, {adj-J} {G:kind-K}, crying {adverb}.|"
     "Then {F:friend}, a {sad} {G:kind-K} with a {color} {garment}, {went} {adverb} from the {feature}.|"
     "Soon {num} {color} {critters} brought {F:friend}, a {S:sad}, {sad-S} {G:kind-K}.|"
     "A {adj} {G:kind-K} named {F:friend} was searching {adverb} among {num} {color} {flower}.|"},
    {"find_talk",
     "\"Is it {C}?\" {said} {H} {adverb}. \"Yes! You are {J:adj} and {adj-J}!\" {cried} {F}.|"
     "\"My {O} from {adj} {relative} {name}!\" {cried} {F}, {V:glad} and {glad-V}.|"
     "\"How {L:lovely} and {lovely-L}!\" {cried} {F} {adverb} when {H} gave back the {O}.|"
     "\"Here is your {O}, {J:adj}, {adj-J} {G},\" {said} {H} {adverb}, {V:glad} and {glad-V}.|"
     "{F} {adverb} hugged the {J:adj}, {adj-J} {K} and took the {O}, {V:glad} and {glad-V}.|"},
    {"find_end",
     "2*{any_end}|"
     "{M:name}, {name-M} and all {padj} {town} {adverb} praised {H}, the honest {K}.|"
     "An honest, {adj} heart beats {num} {color} {jewels}.|"
     "\"Honest hearts are {L:lovely} and {lovely-L},\" {said} {F} {adverb}.|"},

    /* ---- earn: a wish, honest work, the wage ---- */
    {"wish",
     "More than {A:food}, {food-A} or {fadj} {drink} {H1} wanted a {C:color} {O:object} with {num} {color} {marks}.|"
     "{H} wished for a {C:color} {O:object}, but had only {num} {color} {coins} and some {fadj} {food}.|"
     "All day {H1} {adverb} dreamed of a {C:color} {O:object} with {num} {color} {marks}.|"
     "{H5} {adj} {relative} {name} had a {C:color} {O:object}, and now {H1} wanted one.|"
     "\"I want a {C:color} {O:object},\" {H1} {adverb} told {M:name}, {name-M} and {num} {adj} {pets}.|"},
    {"go_work",
     "One {weather} {part} {H1} {went} to the {padj} {P:place}, where {F:friend}, a {adj} {G:kind-K}, sold {A:food} and {food-A}.|"
     "That {weather} {part} {H1} {went} {adverb} to the {padj} {P:place} and met {F:friend}, a {J:adj}, {adj-J} {G:kind-K}.|"
     "{F:friend}, a {J:adj}, {adj-J} {G:kind-K} at the {padj} {P:place}, had one in a {hadj} {home}.|"
     "So {H1} {went} {adverb} to {F:friend}, a {adj} {G:kind-K} who sold {color} {flower} at the {padj} {P:place}.|"
     "At the {padj} {P:place} {F:friend}, a {J:adj}, {adj-J} {G:kind-K}, was {hobby} with {num} {adj} {guests}.|"},
    {"earn_talk",
     "\"Work {num} days with {M:name} and {name-M},\" {said} {F} {adverb}.|"
     "\"I am too {S:sad} and {sad-S} to work,\" {said} {F} {adverb}. \"Help me, {adj} {K}.\"|"
     "\"Bring {num} {color} {flower}, {A:food} and {food-A},\" {said} {F} {adverb}.|"
     "\"I want a {J:adj}, {adj-J} helper,\" {said} {F} {adverb}.|"},
    {"work",
     "So {H} {adverb} {U:chore}, {W:chore-U} and {chore-UW}.|"
     "First {H1} {U:chore} {adverb}, then {H1} {W:chore-U} and {chore-UW}.|"
     "With {M:name} and {name-M}, {H} {U:chore}, {W:chore-U} and {adverb} {chore-UW}.|"
     "{H} {U:chore} and {adverb} {chore-U} for {num} {adj} {guests}.|"},
    {"pay",
     "Then {F} {adverb} gave {H2} the {O}, {A:food} and {fadj} {food-A}.|"
     "At last {F} {adverb} brought the {O} with {num} {color} {flower}.|"
     "How {V:glad} and {glad-V} {H} felt when {F} {adverb} brought the {O}!|"
     "\"Take the {O}, {J:adj}, {adj-J} {K},\" {said} {F}, {V:glad} and {glad-V}.|"},
    {"earn_end",
     "2*{any_end}|"
     "{H} learned that {J:adj}, {adj-J} work beats {num} {color} {jewels}.|"
     "\"Work is {L:lovely} and {lovely-L},\" {said} {H} {adverb}, eating {fadj} {food}.|"
     "Even now {H} sells {A:food}, {food-A} and {color} {flower} with {M:name} and {name-M}.|"},

    /* ---- the last paragraph ---- */
    {"close",
     "That night {H}, {F}, {M:name} and {name-M} ate {A:food}, {E:food-A} and {fadj} {food-AE} by the {O}.|"
     "At sunset {H}, {F} and {num} {adj} {guests} shared {A:food}, {food-A} and {fadj} {drink} by the {O}.|"
     "When the sun set, {M:name}, {name-M} and {F} {adverb} helped {H} {O1} the {O} under {padj} {trees}.|"
     "{H} and {F} danced {adverb} around the {O} with {num} {color} {Q:critters} and {adj} {critters-Q}.|"
     "Later {F} baked {fadj} {A:food} and {food-A}, and {H} laid the {O} among {color} {flower}.|"
     "Before bed {H} put the {O} on a {color} {cushion}, and {F} drew {num} {adj} {critters}.|"
     "By moonlight {H} set the {O} by a {padj} {tree}, and {F} served {A:food}, {food-A} and {fadj} {drink}.|"
     "In the evening {H}, {F} and {name} {adverb} drew the {O} with {num} {color} {marks}.|"},
    {"any_end",
     "From then on {H} and {F} went {B:hobby} and {hobby-B} with {M:name} and {name-M}.|"
     "And so {H}, {F} and {num} {color} {critters} lived happily in {padj} {town}.|"
     "{H} slept {adverb}, {V:glad} and {glad-V}, dreaming of {num} {color} {critters}.|"
     "It had been a {weather} day, {L:lovely} and {lovely-L}.|"},

    /* ---- people and animals ---- */
    {"hero",
     "Lily" SHE "Mia" SHE "Rosa" SHE "Ella" SHE "Ruby" SHE "Daisy" SHE "Tilly" SHE "Molly" SHE "Wren" SHE "Clara" SHE "Ivy" SHE
     "Lucy" SHE "Zoe" SHE "Maya" SHE "Poppy" SHE "Hanna" SHE "Stella" SHE "Fiona" SHE "Grace" SHE "Jade" SHE "Nina" SHE "Pearl" SHE
     "Sonya" SHE "Trudy" SHE "Tom" HE "Ben" HE "Max" HE "Finn" HE "Leo" HE "Sam" HE "Jack" HE "Oscar" HE "Hugo" HE "Theo" HE "Otto" HE
     "Felix" HE "Milo" HE "Ned" HE "Rory" HE "Toby" HE "Archie" HE "Barney" HE "Casper" HE "Dexter" HE "Frank" HE "Gavin" HE "Rufford" HE
     "Sherman" HE},
    {"name", "Abe|Ada|Amy|Ann|Bea|Bob|Cal|Dan|Dot|Eve|Fay|Gus|Guy|Hal|Ida|Ike|Ina|Jan|Jay|Jim|Joe|Kay|Ken|Kim|Kit|Liz|Lou|Mel|Meg|Nan|"
             "Nat|Pam|Pat|Peg|Ray|Rex|Rob|Ron|Roy|Sid|Sue|Ted|Uma|Una|Val|Wes|Zed|Ava|Asa|Gia|Hank|Jill|Jude|June|Kurt|Lena|Lars|Mona|"
             "Olga|Paul|Rita|Tara|Tina|Zara|"},
    {"friend", "Nora|Greta|Olive|Bella|Iris|Kate|Jenny|Emma|Sally|Penny|Wanda|Vera|Peter|Simon|Walter|George|Henry|Arthur|David|Edgar|"
               "Gil|Jasper|Basil|Victor|Alma|Bruno|Carla|Dora|Ernest|Flora|Gloria|Heidi|Igor|Julia|Karl|Linda|Martin|Nelly|Orson|Pablo|"},
    {"kind", "fox|bear|rabbit|mouse|hedgehog|squirrel|duck|frog|goat|lamb|kitten|puppy|badger|beaver|pony|turtle|mole|goose|deer|"
             "donkey|panda|raccoon|tiger|lion|monkey|penguin|koala|otter|owl|sparrow|robin|piglet|camel|zebra|giraffe|hamster|llama|"
             "weasel|lizard|parrot|swan|walrus|seal|wolf|lynx|moose|hare|"},
    {"adj", "little|kind|brave|shy|merry|gentle|clever|quiet|cheerful|curious|tiny|friendly|patient|sleepy|playful|polite|daring|proud|"
            "jolly|careful|lively|loyal|humble|hungry|lucky|noisy|dreamy|silly|bold|busy|plump|young|fluffy|tidy|wise|calm|cheeky|"
            "chubby|cuddly|cute|dainty|fair|fearless|fine|funny|graceful|handsome|happy|helpful|hopeful|modest|neat|nimble|peppy|"
            "plucky|quick|smart|speedy|spry|strong|sunny|sweet|tall|thrifty|timid|warm|witty|"},
    {"relative", "cousin|neighbor|teacher|doctor|captain|mayor|baker|sailor|gardener|farmer|painter|potter|miller|tailor|"
                 "pilot|drummer|weaver|"},
    {"guests", "cousins|neighbors|children|sailors|lambs|farmers|singers|dancers|piglets|puppies|kittens|mice|bakers|painters|pilots|"
               "poets|monks|knights|clowns|twins|tailors|millers|drummers|pirates|kings|queens|elves|dwarfs|"},
    {"pets", "hens|bees|mice|doves|kittens|puppies|rabbits|chicks|geese|goldfish|ponies|canaries|ducklings|hamsters|guppies|budgies|"
             "lambs|piglets|calves|cats|dogs|crickets|toads|snails|"},
    {"critters", "beetles|snails|crickets|moths|doves|finches|larks|swallows|gulls|herons|storks|cranes|magpies|lizards|newts|toads|"
                 "crabs|roosters|hens|pigeons|hares|bats|bees|swans|ants|wrens|terns|spiders|shrews|voles|rats|quails|parrots|peacocks|"
                 "owlets|minnows|jays|hornets|geckos|frogs|eels|ducks|cuckoos|crows|wasps|worms|seals|deer|"},
    {"bird", "crow|gull|magpie|hawk|stork|heron|swan|parrot|pigeon|lark|finch|jay|cuckoo|raven|swallow|wren|tern|robin|eagle|falcon|"
             "pelican|puffin|thrush|owl|crane|dove|duck|goose|starling|rooster|"},

    /* ---- things ---- */
    {"object", "kite/fly|ball/bounce|hat/wear|scarf/wear|whistle/blow|bell/ring|ribbon/wave|boat/sail|drum/beat|doll/dress|locket/wear|"
               "medal/wear|marble/roll|cap/wear|flag/wave|lantern/light|flute/play|horn/blow|puppet/move|pinwheel/spin|fiddle/play|"
               "banjo/play|hoop/roll|teapot/fill|book/read|map/study|mug/fill|wagon/pull|necklace/wear|cloak/wear|rattle/shake|globe/turn|"
               "harp/play|mask/wear|lamp/light|clock/wind|vase/fill|yo-yo/spin|trumpet/blow|rocket/launch|"},
    {"trap", "well/{hole_tool}|ditch/{hole_tool}|hole/{hole_tool}|cave/{hole_tool}|pit/{hole_tool}|barrel/{hole_tool}|chimney/{hole_tool}|"
             "tunnel/{hole_tool}|pond/{water_tool}|stream/{water_tool}|swamp/{water_tool}|fountain/{water_tool}|puddle/{water_tool}|"
             "hedge/{bush_tool}|bush/{bush_tool}|thicket/{bush_tool}|haystack/{bush_tool}|bramble/{bush_tool}|canal/{water_tool}|"
             "moat/{water_tool}|cellar/{hole_tool}|gutter/{hole_tool}|drain/{hole_tool}|crevice/{hole_tool}|"},
    {"block", "the {weather} river had taken the bridge/rowed {H2} across|{weather} fog hid the path/led {H2} through|"
              "a {padj} {tree} lay on the road/rolled it off|a {color} gate was shut/opened it|"
              "the {weather} lane was muddy/carried {H2} across|the {padj} hill was steep/pulled {H2} up|"
              "{num} {adj} geese stood there/chased them off|the {padj} road split in {num}/showed {H2} the way|"
              "there was a {tadj} ditch/laid a {mat} plank over it|a {color} snake slept on the bridge/sang it away|"
              "{color} clouds brought rain/lent {H2} a {color} umbrella|the {weather} wind blew/pushed {H2} on|"},
    {"chore", "swept the {home}|fed the {pets}|picked {food}|washed {num} windows|carried water|stacked {num} logs|painted the {feature}|"
              "mended the roof|watered the {flower}|peeled {food}|milked the cow|dusted {num} shelves|chopped wood|raked leaves|"
              "baked {food}|sorted {food}|brushed the {pets}|planted {flower}|polished {num} spoons|scrubbed {num} pots|"
              "weeded the garden|hung up {num} shirts|sewed {num} socks|guarded the {food}|cut the {flower}|built a {padj} {feature}|"
              "cooked {food}|dried {food}|tended the {critters}|ground the corn|"},
    {"mat", "long|strong|wooden|sturdy|simple|borrowed|rusty|brand-new|heavy|handy|famous|homemade|bent|crooked|light|thick|thin|"
            "yellow|useful|short|smooth|rough|shiny|battered|"},
    {"hole_tool", "rope|ladder|hook|shovel|candle|chain|spade|torch|"},
    {"water_tool", "net|pole|oar|raft|rod|bucket|sieve|ladle|"},
    {"bush_tool", "rake|stick|fork|crook|saw|broom|hoe|scythe|"},
    {"food", "plums|pears|cherries|nuts|bread|cheese|jam|pie|cake|buns|figs|grapes|melons|carrots|beans|corn|pancakes|waffles|cookies|"
             "muffins|biscuits|peaches|berries|radishes|turnips|dumplings|pudding|tarts|walnuts|dates|noodles|potatoes|rolls|pretzels|"
             "apples|almonds|peas|mushrooms|tomatoes|scones|rice|toast|soup|stew|salad|olives|onions|limes|lemons|leeks|honey|eggs|"
             "fudge|custard|crackers|cabbage|butter|broth|bananas|apricots|raisins|spinach|yams|"},
    {"fadj", "warm|fresh|sweet|tasty|yummy|homemade|spiced|soft|fine|crisp|rich|golden|sticky|honeyed|fragrant|buttery|tender|sugared|"
             "good|perfect|salted|simple|hot|cold|mild|tangy|creamy|lovely|light|dainty|plain|choice|chilled|smooth|zesty|fancy|dark|"
             "rare|"},
    {"drink", "lemonade|juice|punch|tea|milk|syrup|cider|cocoa|"},
    {"home", "cottage|cabin|hut|house|burrow|den|treehouse|mill|barn|tent|cave|farmhouse|tower|castle|bakery|windmill|cellar|loft|shed|"
             "inn|villa|palace|lodge|hall|attic|bungalow|chalet|nest|stable|"},
    {"hadj", "snug|cozy|crooked|tiny|wooden|painted|round|tidy|bright|narrow|warm|mossy|little|sturdy|tall|quaint|clean|dusty|white|"
             "red|crowded|neat|low|big|blue|brown|cool|dark|drafty|green|hidden|leaky|long|plain|quiet|rickety|shabby|small|yellow|"},
    {"garment", "coat|beard|tail|apron|vest|sweater|tie|nose|shawl|jacket|belt|umbrella|bonnet|sash|collar|skirt|backpack|bag|beret|"
                "shirt|pouch|robe|veil|"},
    {"marks", "stars|dots|buttons|stripes|hearts|moons|leaves|bows|pearls|circles|flowers|letters|birds|suns|waves|squares|spots|rings|"
              "fish|feathers|"},
    {"coins", "pennies|pebbles|buttons|shells|acorns|beads|dimes|nickels|stones|chestnuts|corks|keys|pins|tokens|"},
    {"jewels", "pearls|crowns|rubies|diamonds|gems|jewels|emeralds|sapphires|opals|tiaras|"},
    {"cushion", "cushion|blanket|shelf|pillow|rug|chair|carpet|bench|stool|sheet|sofa|towel|table|mattress|quilt|"},
    {"stones", "stones|logs|roots|rocks|buckets|branches|bricks|pumpkins|boxes|tins|pots|cones|hoses|sacks|crates|planks|"},

    /* ---- places and times ---- */
    {"town", "Elmford|Oakville|Redhill|Ashton|Birchby|Claydon|Dunmore|Eastwick|Fernhill|Goldby|Hayfield|Ivydale|Kingsley|Larkby|Milby|"
             "Newton|Otterby|Pinewood|Quincy|Rosedale|Stoneby|Thornton|Underby|Westbury|Yarrow|Bramley|Cobham|Dewsbury|Foxglen|"
             "Greenway|Honeyway|Juniper|"},
    {"place", "meadow|garden|beach|forest|orchard|valley|field|park|hill|river|lake|pasture|grove|glade|bay|canyon|island|creek|brook|"
              "clearing|shore|cliff|marsh|hollow|woods|lagoon|vineyard|harbor|coast|desert|dunes|gorge|heath|jungle|knoll|moor|"
              "mountain|oasis|plain|pond|prairie|ravine|reef|ridge|slope|spring|wetland|woodland|"},
    {"padj", "mossy|sandy|sunny|shady|wide|hidden|peaceful|windy|green|rocky|silent|grassy|lonely|leafy|misty|quiet|bright|wild|"
             "distant|secret|flowery|sleepy|dewy|golden|lovely|foggy|dim|famous|bare|broad|calm|cool|dark|dry|faraway|fresh|gray|high|"
             "humble|huge|muddy|nameless|pretty|red|serene|snowy|steep|still|tiny|vast|warm|white|young|"},
    {"feature", "bridge|well|mill|wall|gate|lane|path|road|fence|stream|spring|farm|market|tower|fountain|haystack|chapel|willow|"
                "school|station|barn|bank|canal|church|crossing|dam|dock|hedge|inn|kiln|library|museum|pier|playground|pump|shop|"
                "square|statue|stile|temple|theater|"},
    {"tree", "pine|willow|maple|birch|cedar|chestnut|beech|linden|poplar|fir|spruce|larch|magnolia|cypress|palm|juniper|hawthorn|"
             "hickory|hemlock|holly|laurel|mulberry|redwood|sycamore|walnut|yew|"},
    {"trees", "pines|willows|maples|birches|cedars|chestnuts|beeches|lindens|poplars|firs|spruces|larches|magnolias|palms|oaks|elms|"},
    {"flower", "tulips|roses|daisies|lilies|poppies|pansies|bluebells|peonies|clovers|asters|dahlias|ferns|orchids|irises|jasmine|"
               "lavender|lilacs|lupins|mint|nettles|sage|thistles|thyme|zinnias|reeds|heather|crocuses|camellias|begonias|azaleas|"},
    {"weather", "sunny|windy|frosty|misty|rainy|snowy|breezy|cloudy|chilly|warm|bright|foggy|mild|gray|crisp|golden|calm|fresh|cool|"
                "hazy|clear|drizzly|balmy|blustery|cold|damp|dark|dry|gusty|hot|soggy|stormy|sultry|"},
    {"part", "morning|afternoon|noon|dawn|midday|day|"},

    /* ---- how ---- */
    {"num", "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fifteen|twenty|thirty|forty|"},
    {"color", "red|blue|green|yellow|white|black|brown|pink|purple|silver|golden|scarlet|crimson|violet|gray|striped|spotted|shiny|"
              "pretty|rosy|dotted|pale|speckled|bright|beige|big|bronze|copper|cream|dark|fancy|glossy|lilac|little|maroon|navy|plain|"
              "ruby|small|tan|teal|tiny|"},
    {"tadj", "deep|dark|big|gloomy|huge|strange|wide|messy|cold|scary|dim|nasty|muddy|damp|filthy|wild|narrow|long|silent|black|"
             "shadowy|smelly|steep|spooky|"},
    {"hobby", "singing|dancing|painting|fishing|climbing|reading|swimming|baking|digging|skating|drawing|knitting|whistling|juggling|"
              "sewing|hopping|skipping|rowing|running|camping|hiking|sledding|carving|weaving|jumping|rhyming|cooking|humming|sowing|"
              "racing|napping|bowling|boxing|trading|cycling|diving|drumming|farming|flying|gliding|golfing|jogging|marching|mending|"
              "planting|playing|riding|sailing|sketching|skiing|sliding|spinning|strolling|surfing|tinkering|wading|walking|writing|"
              "yodeling|"},
    {"adverb", "softly|gladly|quickly|slowly|gently|quietly|eagerly|kindly|warmly|politely|calmly|bravely|proudly|brightly|sweetly|"
               "shyly|firmly|merrily|happily|loudly|wisely|boldly|briskly|clearly|cleverly|fondly|freely|grandly|humbly|keenly|lightly|"
               "modestly|neatly|nicely|nobly|plainly|promptly|sleepily|smartly|steadily|swiftly|tenderly|timidly|wearily|"},
    {"went", "walked|skipped|ran|hurried|strolled|marched|wandered|hopped|trotted|raced|danced|rushed|tiptoed|rambled|dashed|trudged|"
             "limped|drove|rode|sailed|swam|jogged|crept|galloped|sped|strode|plodded|"},
    {"said", "said|whispered|answered|murmured|replied|laughed|sang|chuckled|sighed|mumbled|joked|added|noted|"},
    {"cried", "cried|shouted|called|gasped|yelled|squeaked|cheered|roared|chirped|hollered|"},
    {"sad", "sad|gloomy|upset|unhappy|glum|tearful|troubled|lonely|pale|downcast|sorry|anxious|bitter|cross|scared|grumpy|hurt|moody|"
            "nervous|tired|weary|"},
    {"glad", "happy|glad|pleased|joyful|cheerful|thankful|grateful|proud|excited|overjoyed|thrilled|merry|content|relieved|amazed|"
             "blissful|calm|charmed|jolly|moved|peaceful|rich|safe|"},
    {"lovely", "lovely|bright|splendid|perfect|sweet|charming|magical|grand|fine|amazing|brilliant|clever|cute|dreamy|elegant|fabulous|"
               "glorious|good|great|handsome|jolly|nice|pleasant|pretty|special|superb|"},
    {NULL, NULL},
};
/* clang-format on */
