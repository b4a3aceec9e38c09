/* synth_zh.c - the Chinese stories: data, read by synth.c. The same four tales as in English (lost, given, found, earned), told in Chinese:
 * animals are 它, every noun brings its measure word. H hero, F friend, O object of look C, P place. Grammar of the slots: synth.h.
 * Nouns of rule "object" and the names of heroes and friends stand in no other rule: whoever reads a story can tell them. */
#include "data/synth.h"

/* Columns of a thing: measure word, look and noun / noun / what one does with it. */
#define T(measure, noun, verb) measure "{C:look}" noun "/" noun "/" verb "|"

/* clang-format off */
const lf_synth_rule lf__synth_zh[] = {
    {"story", "{open}{middle}|"},
    {"middle", "4*{love}{tale}|{tale}|"},
    {"tale", "{lost}|{gift}|{find}|{earn}|"},
    {"lost", "{own}{go_play}{loss}\n{friend_comes}{lost_talk}{rescue}\n{close}{lost_end}|"},
    {"gift", "{birthday}{go_give}\n{barrier}{gift_talk}\n{close}{gift_end}|"},
    {"find", "{go_find}{whose}\n{loser_comes}{find_talk}\n{close}{find_end}|"},
    {"earn", "{wish}{go_work}\n{earn_talk}{work}{pay}\n{close}{earn_end}|"},

    /* ---- the beginning ---- */
    {"open",
     "2*从前，{padj}的{place}住着一只{J:adj}又{adj-J}的小{K:kind}，名叫{H:hero}，养着{num}只{color}{pets}。|"
     "{H:hero}是一只{J:adj}又{adj-J}的小{K:kind}，和{num}只{color}{pets}住在{hadj}的{home}里。|"
     "很久以前，小{K:kind}{H:hero}住在{hadj}的{home}里，跟{R:surname}{elder}和{surname-R}{elder}做邻居。|"
     "小{K:kind}{H:hero}又{J:adj}又{adj-J}，住在{hadj}的{home}里，门前开满{color}{flower}。|"
     "大家都认识{H:hero}，那只{J:adj}、{adj-J}、爱{hobby}的小{K:kind}。|"
     "在{padj}的{place}，有一只{J:adj}、{adj-J}的小{K:kind}叫{H:hero}，它的{home}又{I:hadj}又{hadj-I}。|"
     "有只小{K:kind}叫{H:hero}，它{J:adj}、{adj-J}，围着{color}{garment}，家是{hadj}的{home}。|"},
    {"love",
     "它爱吃{A:food}、{E:food-A}和{food-AE}，也爱{B:hobby}和{hobby-B}。|"
     "白天它请{R:surname}{elder}和{surname-R}{elder}吃{fadj}{A:food}和{food-A}。|"
     "平时它喜欢{B:hobby}、{hobby-B}，还种{color}{D:flower}和{flower-D}。|"
     "院子里，{color}{D:flower}挨着{color}{flower-D}，{num}只{critters}在{hobby}。|"
     "{surname}{elder}教它{B:hobby}、{hobby-B}和做{fadj}{food}。|"
     "{guests}常来找它{B:hobby}、{hobby-B}，吃{fadj}{food}。|"
     "闲下来，它就{B:hobby}、{hobby-B}，做{A:food}和{fadj}{food-A}。|"},

    /* ---- lost: a treasure falls into a trap, a friend with a tool gets it out ---- */
    {"own",
     "它最爱{adj}的{surname}{elder}送的那{O:object}。|"
     "{surname}{elder}送给它一{O:object}，上面画着{num}{marks}。|"
     "有一天，{surname}{elder}寄来{A:food}、{food-A}和一{O:object}。|"
     "床底下，它藏着{A:food}、{fadj}{food-A}和一{O:object}。|"
     "它和{guests}用{A:food}、{food-A}换来一{O:object}。|"},
    {"go_play",
     "一个{Z:weather}又{weather-Z}的{part}，它{went}到{padj}的{P:place}{O2}{O1}。|"
     "这天{part}{weather}，它包好{A:food}、{food-A}和{O1}，{adverb}地{went}到{padj}的{P:place}。|"
     "{weather}的{part}，它和{num}只{color}{critters}带着{O1}{went}到{padj}的{P:place}。|"
     "吃完{A:food}和{fadj}{food-A}，它{adverb}地带着{O1}{went}到{padj}的{P:place}。|"
     "在{padj}的{P:place}，它{adverb}地{O2}{O1}，{num}只{color}{critters}来看。|"},
    {"loss",
     "一只{adj}的{bird}{adverb}地飞来，{O1}掉进了{tadj}的{T:trap}。|"
     "不料{num}只{color}{Q:critters}和{critters-Q}撞来，{O1}滚进了{tadj}的{T:trap}。|"
     "{Z:weather}的风{adverb}地吹，{O1}飞进了{tadj}的{T:trap}。|"
     "为了看{num}只{color}{critters}{hobby}，它把{O1}落进了{tadj}的{T:trap}。|"
     "踩到{color}{stone}，它一滑，{O1}摔进了{tadj}的{T:trap}。|"},
    {"friend_comes",
     "这时，{J:adj}又{adj-J}的小{G:kind-K}{F:friend}提着{A:food}和{food-A}走来。|"
     "不久，{adj}的小{G:kind-K}{F:friend}和{num}只{critters}{adverb}地{went}来。|"
     "幸好，{J:adj}、{adj-J}的小{G:kind-K}{F:friend}正在附近{hobby}。|"
     "小{G:kind-K}{F:friend}围着{color}{garment}，和{surname}{elder}{adverb}地赶来。|"
     "路上来了{J:adj}、{adj-J}的小{G:kind-K}{F:friend}，捧着{color}{flower}。|"},
    {"lost_talk",
     "“我又{S:sad}又{sad-S}。”{H}{adverb}地说。|"
     "“别{S:sad}，别{sad-S}。”{F}{adverb}地说。|"
     "“{adj}的{F}，帮帮我！”{H}又{S:sad}又{sad-S}。|"
     "{T}旁，{F}{adverb}地抱抱{S:sad}又{sad-S}的{H}。|"
     "{H}又{S:sad}又{sad-S}，{adj}的{F}{adverb}地抱抱它。|"},
    {"rescue",
     "{F}用{Y:mat}又{mat-Y}的{T1}，{adverb}地取出了{O1}。|"
     "它俩和{guests}借来{mat}的{T1}，{adverb}地救出{O1}。|"
     "{surname}{elder}送来{Y:mat}又{mat-Y}的{T1}，{O1}得救了。|"
     "{padj}的{feature}旁有{mat}的{T1}，{F}{adverb}地救出{O1}。|"
     "{surname}{elder}、{F}和{num}只{color}{critters}用{mat}的{T1}取出{O1}。|"},
    {"lost_end",
     "2*{any_end}|"
     "{H}明白了：{J:adj}、{adj-J}的朋友胜过{color}{jewel}。|"
     "“真{L:lovely}，真{lovely-L}！”{F}{adverb}地说。|"
     "大家又{V:glad}又{glad-V}，{adverb}地{hobby}。|"},

    /* ---- gift: a birthday, a barrier on the way, a passer-by who helps ---- */
    {"birthday",
     "它的朋友小{G:kind-K}{F:friend}又{J:adj}又{adj-J}，想要一{O:object}。|"
     "{J:adj}又{adj-J}的小{G:kind-K}{F:friend}过生日，它做了一{O:object}。|"
     "小{G:kind-K}{F:friend}又{S:sad}又{sad-S}，它买来一{O:object}送去。|"
     "为了{adj}的小{G:kind-K}{F:friend}，它用{A:food}和{food-A}换来一{O:object}。|"
     "听说小{G:kind-K}{F:friend}很{sad}，它在一{O:object}上画了{num}{marks}。|"},
    {"go_give",
     "一个{weather}的{part}，它带着{O1}、{A:food}和{fadj}{food-A}{went}到{padj}的{P:place}。|"
     "它用{color}纸包好{O1}，{adverb}地{went}到{padj}的{P:place}。|"
     "这天{part}{weather}，它在{O1}上插了{color}{D:flower}和{flower-D}，{went}到{padj}的{P:place}。|"
     "{weather}的{part}，它抱着{O1}，和{num}只{color}{critters}{went}到{padj}的{P:place}。|"
     "{color}口袋装着{O1}、{A:food}和{food-A}，它{adverb}地{went}到{padj}的{P:place}。|"},
    {"barrier",
     "可是{X:block}。一只{J:adj}又{adj-J}的小{kind-KG}{adverb}地{X1}。|"
     "路上{X:block}。{adj}的{R:surname}{elder}和{surname-R}{elder}{adverb}地{X1}。|"
     "糟糕，{X:block}！幸好{J:adj}、{adj-J}的小{kind-KG}{adverb}地{X1}。|"
     "不料{X:block}。它送出{A:food}和{fadj}{food-A}，一只小{kind-KG}{adverb}地{X1}。|"},
    {"gift_talk",
     "“真{L:lovely}，真{lovely-L}！”{F}{adverb}地说，“你又{J:adj}又{adj-J}。”|"
     "小{G}{adverb}地接过{O1}，又{V:glad}又{glad-V}，直说{lovely}。|"
     "“给你，{J:adj}的{F}！”{H}{adverb}地说。{F}又{V:glad}又{glad-V}。|"
     "{F}和{num}只{color}{pets}{adverb}地出来，又{V:glad}又{glad-V}。|"},
    {"gift_end",
     "2*{any_end}|"
     "{H}明白了：送礼物比吃{A:food}和{fadj}{food-A}还甜。|"
     "“又{L:lovely}又{lovely-L}！”{F}{adverb}地对{surname}{elder}说。|"
     "后来，{F}常和{guests}、{surname}{elder}{adverb}地{O2}{O1}。|"},

    /* ---- find: an honest finder asks until the owner comes ---- */
    {"go_find",
     "一个{Z:weather}又{weather-Z}的{part}，它在{padj}的{P:place}捡到一{O:object}。|"
     "这天{part}，它{adverb}地{went}到{padj}的{P:place}，看见{tree}下有一{O:object}。|"
     "它在{padj}的{P:place}{hobby}，发现{color}{flower}丛里有一{O:object}。|"
     "{weather}的{part}，它{went}到{padj}的{P:place}，{num}只{color}{critters}围着一{O:object}。|"
     "为了找{A:food}和{food-A}，它{went}到{padj}的{P:place}，捡到一{O:object}。|"},
    {"whose",
     "它{adverb}地问了{num}只{color}{Q:critters}和{adj}的{critters-Q}。|"
     "失主该多{S:sad}、多{sad-S}啊，{J:adj}、{adj-J}的{H}想。|"
     "“谁丢的？”它{adverb}地问{R:surname}{elder}和{surname-R}{elder}。|"
     "守着{O1}，它等了{num}个小时，吃了{A:food}、{E:food-A}和{fadj}{food-AE}。|"},
    {"loser_comes",
     "终于来了{J:adj}又{adj-J}的小{G:kind-K}{F:friend}，又{S:sad}又{sad-S}。|"
     "在{padj}的{feature}旁，{J:adj}、{adj-J}的小{G:kind-K}{F:friend}正在哭。|"
     "小{G:kind-K}{F:friend}围着{color}{garment}{adverb}地{went}来，又{S:sad}又{sad-S}。|"
     "不久，{num}只{color}{critters}领来{adj}的小{G:kind-K}{F:friend}。|"
     "有只{J:adj}、{adj-J}的小{G:kind-K}{adverb}地找东西，它叫{F:friend}。|"},
    {"find_talk",
     "“你又{J:adj}又{adj-J}！”{F}{adverb}地接过{O1}，又{V:glad}又{glad-V}。|"
     "“是{adj}的{surname}{elder}给我的！”{F}又{V:glad}又{glad-V}。|"
     "{H}还了{O1}，{F}又{V:glad}又{glad-V}，送它{A:food}、{food-A}。|"
     "{F}接过{O1}，{adverb}地夸它{J:adj}、{adj-J}，送它{food}。|"
     "“真{L:lovely}，真{lovely-L}！”{F}{adverb}地送它{A:food}和{food-A}。|"},
    {"find_end",
     "2*{any_end}|"
     "{surname}{elder}和{guests}都{adverb}地夸{H}是诚实的小{K}。|"
     "诚实、{adj}的心胜过{num}{jewels}、{A:food}和{food-A}。|"
     "“诚实最{L:lovely}、最{lovely-L}。”{F}{adverb}地说。|"},

    /* ---- earn: a wish, honest work, the wage ---- */
    {"wish",
     "比起{A:food}、{E:food-A}和{fadj}{food-AE}，它更想要一{O:object}。|"
     "它想要一{O:object}，可只有{num}{coins}和{A:food}、{food-A}。|"
     "整天，它{adverb}地想着一{O:object}，上面有{num}{marks}。|"
     "“我想要一{O:object}。”它{adverb}地对{R:surname}{elder}说。|"
     "{adj}的{surname}{elder}有一{O:object}，它也想要。|"},
    {"go_work",
     "一个{weather}的{part}，它{went}到{padj}的{P:place}，小{G:kind-K}{F:friend}在卖{A:food}和{food-A}。|"
     "这天{part}，它{adverb}地{went}到{padj}的{P:place}，遇见{J:adj}、{adj-J}的小{G:kind-K}{F:friend}。|"
     "{J:adj}又{adj-J}的小{G:kind-K}{F:friend}在{padj}的{P:place}开店，店又{I:hadj}又{hadj-I}。|"
     "于是它{adverb}地{went}到{padj}的{P:place}，去找卖{color}{flower}的小{G:kind-K}{F:friend}。|"
     "在{padj}的{P:place}，{J:adj}、{adj-J}的小{G:kind-K}{F:friend}正和{guests}{hobby}。|"},
    {"earn_talk",
     "“跟{R:surname}{elder}和{surname-R}{elder}干{num}天活吧。”{F}{adverb}地说。|"
     "“我又{S:sad}又{sad-S}，”{adj}的{F}{adverb}地说。|"
     "“采些{color}{flower}、{A:food}和{food-A}来。”{F}{adverb}地说。|"
     "“我要找又{J:adj}又{adj-J}的帮手。”{F}{adverb}地说。|"},
    {"work",
     "于是{H}{adverb}地{U:chore}、{W:chore-U}、{chore-UW}。|"
     "它先{U:chore}，再{W:chore-U}，又{adverb}地{chore-UW}。|"
     "它和{surname}{elder}{adverb}地{U:chore}、{W:chore-U}、{chore-UW}。|"
     "每天，{H}{U:chore}、{W:chore-U}，{num}只{critters}来看。|"},
    {"pay",
     "最后，{F}{adverb}地送上{O1}、{A:food}和{fadj}{food-A}。|"
     "{F}又{V:glad}又{glad-V}，送来{O1}和{color}{flower}。|"
     "{adverb}地接过{O1}，{adj}的{H}又{V:glad}又{glad-V}。|"
     "“{O1}归你，{J:adj}、{adj-J}的{H}。”{F}{adverb}地说。|"},
    {"earn_end",
     "2*{any_end}|"
     "{H}明白了：{J:adj}、{adj-J}的手胜过{num}{jewels}。|"
     "“干活真{L:lovely}，真{lovely-L}。”{H}{adverb}地说。|"
     "如今，{H}还和{surname}{elder}卖{A:food}、{E:food-A}和{food-AE}。|"},

    /* ---- the last paragraph ---- */
    {"close",
     "傍晚，{H}、{F}和{surname}{elder}守着{O1}，吃{A:food}、{E:food-A}和{fadj}{food-AE}。|"
     "太阳下山了，{H}和{F}在{tree}下守着{O1}，喝{drink}，吃{A:food}和{food-A}。|"
     "晚上，{R:surname}{elder}和{surname-R}{elder}来和{H}、{F}一起{adverb}地{O2}{O1}。|"
     "{H}和{F}围着{O1}跳舞，{num}只{color}{Q:critters}和{critters-Q}来看。|"
     "天黑了，{F}做了{A:food}和{fadj}{food-A}，{H}给{guests}看{O1}。|"
     "睡觉前，{H}把{O1}放在{color}{cushion}上，{F}讲{num}只{color}{critters}的故事。|"
     "月亮升起来，{H}和{F}{adverb}地{O2}{O1}，吃{A:food}和{fadj}{food-A}。|"
     "夜里，{H}和{F}给{O1}围上{color}{D:flower}和{color}{flower-D}。|"},
    {"any_end",
     "从此，{H}、{F}和{surname}{elder}一起{B:hobby}、{hobby-B}。|"
     "后来，{H}、{F}和{num}只{color}{critters}一直做{adj}的邻居。|"
     "{H}{adverb}地睡了，又{V:glad}又{glad-V}，梦见{num}只{critters}。|"
     "这真是{weather}的一天，又{L:lovely}又{lovely-L}。|"},

    /* ---- people and animals ---- */
    {"hero", "阿兰|阿福|阿宝|阿青|阿朵|阿吉|阿秋|阿云|阿满|阿木|小明|小美|小安|小强|小军|小芳|豆豆|团团|乐乐|毛毛|朵朵|米米|甜甜|冬冬|"
             "丁丁|安安|可可|琪琪|贝贝|闹闹|咚咚|妞妞|阳阳|洋洋|多多|嘟嘟|阿珍|阿贵|阿良|阿文|阿海|阿林|小勇|小惠|小丽|小杰|小刚|小娟|"},
    {"friend", "晶晶|奇奇|妙妙|莉莉|芳芳|丽丽|强强|盼盼|思思|文文|佳佳|晨晨|露露|球球|糖糖|壮壮|兵兵|灵灵|宁宁|萌萌|桃桃|梅梅|竹竹|"
               "松松|皮皮|波波|卡卡|娜娜|涛涛|峰峰|欣欣|倩倩|婷婷|玲玲|珊珊|昊昊|雷雷|磊磊|薇薇|蓉蓉|"},
    {"surname", "王|李|张|刘|陈|杨|赵|黄|周|吴|徐|孙|胡|朱|高|林|何|郭|马|罗|梁|宋|郑|谢|韩|唐|冯|于|董|萧|程|曹|袁|邓|许|傅|沈|曾|彭|"
                "吕|苏|卢|蒋|蔡|贾|丁|魏|薛|叶|阎|余|潘|杜|戴|夏|钟|汪|田|任|姜|范|方|石|姚|"},
    {"elder", "奶奶|爷爷|叔叔|阿姨|大婶|伯伯|老师|医生|大哥|大姐|船长|师傅|裁缝|木匠|村长|画家|"},
    {"kind", "狐狸|棕熊|兔子|老鼠|刺猬|松鼠|鸭|青蛙|山羊|绵羊|花猫|黄狗|獾|河狸|乌龟|鼹鼠|鹅|鹿|熊猫|浣熊|老虎|狮子|猴子|企鹅|考拉|"
             "水獭|羊驼|袋鼠|豹子|羚羊|鹦鹉|公鸡|仓鼠|穿山甲|野猪|雪貂|猎豹|海豹|河马|骆驼|大象|灰狼|海狮|猞猁|貘|犀牛|猫鼬|食蚁兽|"},
    {"adj", "善良|勇敢|害羞|快乐|温柔|聪明|安静|开朗|好奇|友好|耐心|贪睡|顽皮|懂礼|诚恳|骄傲|细心|活泼|忠诚|谦虚|嘴馋|幸运|爱笑|大胆|"
            "体贴|勤劳|能干|可爱|机灵|稳重|热心|大方|淘气|腼腆|乐观|天真|憨厚|坚强|文静|爱美|老实|听话|调皮|乖巧|伶俐|节俭|单纯|爱动|"
            "斯文|豪爽|敏捷|健壮|苗条|圆润|灵巧|和气|恬静|幽默|爽朗|正直|坦率|好学|从容|娇小|"},
    {"guests", "邻居们|孩子们|表弟们|伙伴们|客人们|水手们|农夫们|歌手们|同学们|旅人们|老人们|工匠们|渔夫们|亲戚们|诗人们|猎人们|牧童们|"
               "鼓手们|厨师们|画师们|船工们|学徒们|游客们|士兵们|"},
    {"pets", "母鸡|蜜蜂|鸽子|猫咪|狗崽|蚕宝宝|鲤鱼|鸳鸯|蝈蝈|豚鼠|八哥|鹌鹑|蛐蛐|锦鲤|火鸡|画眉|蜗牛|珍珠鸡|鹅宝宝|羊羔|"},
    {"critters", "蝴蝶|甲虫|蜗牛|蟋蟀|蜻蜓|瓢虫|飞蛾|鸽子|麻雀|百灵|燕子|海鸥|鹭鸶|仙鹤|喜鹊|壁虎|螃蟹|母鸡|天鹅|萤火虫|蜜蜂|鸿雁|蚂蚁|"
                 "知了|螳螂|画眉|夜莺|鸳鸯|水鸟|孔雀|蚂蚱|虾米|田螺|田鼠|蝌蚪|蚯蚓|蜘蛛|蝙蝠|水鸭|丹顶鹤|杜鹃|鹧鸪|寒鸦|斑鸠|蜂鸟|云雀|"
                 "山雀|鱼鹰|"},
    {"bird", "乌鸦|海鸥|喜鹊|老鹰|白鹤|天鹅|鸽子|云雀|燕子|翠鸟|猫头鹰|杜鹃|大雁|野鸡|戴胜|丹顶鹤|鱼鹰|山雀|鹭鸶|苍鹭|画眉|百灵|啄木鸟|"
             "鹧鸪|"},

    /* ---- things ---- */
    {"object",
     T("只", "风筝", "放") T("个", "皮球", "拍") T("顶", "帽子", "戴") T("条", "围巾", "戴") T("个", "口哨", "吹") T("串", "铃铛", "摇")
     T("面", "皮鼓", "敲") T("个", "布娃娃", "抱") T("只", "陀螺", "转") T("颗", "弹珠", "弹") T("面", "旗子", "挥") T("盏", "灯笼", "点")
     T("支", "笛子", "吹") T("支", "喇叭", "吹") T("个", "木偶", "玩") T("个", "风车", "转") T("把", "二胡", "拉") T("个", "铁环", "滚")
     T("把", "茶壶", "擦") T("本", "画册", "看") T("张", "地图", "看") T("辆", "马车", "拉") T("条", "项链", "戴") T("件", "披风", "披")
     T("只", "毽子", "踢") T("块", "积木", "摆") T("把", "雨伞", "撑") T("副", "手套", "戴") T("把", "扇子", "摇") T("支", "口琴", "吹")
     T("把", "琵琶", "弹") T("个", "香囊", "闻") T("个", "魔方", "转") T("张", "面具", "戴") T("架", "望远镜", "看") T("枚", "徽章", "戴")},
    {"trap", "水井/{hole_tool}|水沟/{water_tool}|土坑/{hole_tool}|岩洞/{hole_tool}|木桶/{hole_tool}|烟囱/{hole_tool}|地道/{hole_tool}|"
             "池塘/{water_tool}|小溪/{water_tool}|沼泽/{water_tool}|喷泉/{water_tool}|泥潭/{water_tool}|树篱/{bush_tool}|草丛/{bush_tool}|"
             "灌木/{bush_tool}|草垛/{bush_tool}|荆棘/{bush_tool}|石缝/{hole_tool}|水渠/{water_tool}|地窖/{hole_tool}|暗沟/{water_tool}|"
             "芦苇/{bush_tool}|藤蔓/{bush_tool}|树坑/{hole_tool}|"},
    {"block", "河水冲走了{color}桥/划船送它过河|{weather}的雾遮住了路/带它走出大雾|一棵{tree}倒在路上/推开了它|{color}门锁着/打开了门|"
              "{padj}的小路全是烂泥/背它过了泥地|{padj}的山坡太陡/拉它上了坡|{num}只{color}{critters}挡住了路/哄走了它们|"
              "前面有{num}条{padj}的岔路/给它指了路|一条{tadj}的沟拦在前面/搭了{mat}的木板|{color}蛇睡在桥上/引开了蛇|"
              "天下起大雨/借给它{color}斗笠|{color}石头堵住了{feature}/搬开了石头|"},
    {"chore", "扫{home}|喂{pets}|摘{food}|擦窗|挑水|劈柴|刷墙|修屋顶|浇{flower}|洗{food}|挤牛奶|抹桌子|堆柴火|耙落叶|烤{food}|晒{food}|刷碗|"
              "种{flower}|磨勺子|炒{food}|拔草|晾衣服|缝被子|看店|搬{food}|切{food}|和面|补篱笆|卖{food}|剪{flower}|数{food}|修{feature}|"},
    {"look", "红|蓝|绿|黄|白|黑|粉|紫|银|金|橙|灰|棕|青|彩|花|大|小|新|旧|好|老|怪|宝|"},
    {"hole_tool", "绳子|梯子|钩子|铁铲|蜡烛|链子|火把|夹子|"},
    {"water_tool", "渔网|竹竿|船桨|木筏|钓竿|水桶|筛子|长勺|"},
    {"bush_tool", "耙子|木棍|叉子|剪刀|锯子|扫帚|镰刀|拐杖|"},
    {"mat", "结实|细长|轻便|老旧|崭新|好使|祖传|沉重|顺手|简单|粗大|有用|光滑|坚固|笔直|漂亮|短小|灵活|普通|宽大|厚重|牢靠|干净|特别|"},
    {"food", "苹果|梨子|樱桃|核桃|面包|奶酪|果酱|馅饼|蛋糕|包子|葡萄|西瓜|胡萝卜|豆子|玉米|煎饼|饺子|饼干|松饼|麻花|桃子|草莓|萝卜|"
             "土豆|红薯|南瓜|汤圆|布丁|栗子|红枣|面条|花生|瓜子|米饭|粽子|月饼|年糕|蘑菇|番茄|黄瓜|香蕉|橘子|柚子|李子|杏子|山楂|豆腐|"
             "春卷|馒头|烧饼|米糕|花卷|竹笋|青菜|菠萝|荔枝|柿子|石榴|芒果|木瓜|冬瓜|丝瓜|莲藕|芋头|"},
    {"fadj", "香|甜|鲜|大|小|好|嫩|软|凉|熟|圆|热|"},
    {"drink", "果汁|茶水|豆浆|酸梅汤|米酒|糖水|椰汁|杏仁露|"},
    {"home", "木屋|树洞|山洞|草棚|石屋|小院|竹楼|阁楼|磨坊|城堡|灯塔|帐篷|瓦房|土屋|船屋|花店|地洞|茅屋|书店|客栈|泥屋|砖房|小楼|茶馆|"
             "粮仓|塔楼|水阁|草房|窑洞|四合院|木塔|吊脚楼|"},
    {"hadj", "暖和|小巧|干净|明亮|整齐|结实|热闹|舒适|简朴|宽敞|低矮|别致|安静|狭小|温馨|崭新|老旧|雅致|向阳|漂亮|阴凉|朴素|牢固|气派|"
             "古怪|精巧|幽静|凉快|方正|破旧|清爽|华丽|"},
    {"garment", "围裙|斗篷|腰带|头巾|披肩|丝带|领结|布巾|纱巾|皮带|草绳|肚兜|"},
    {"marks", "颗星星|朵云|只小鸟|片叶子|颗爱心|弯月亮|朵梅花|条小鱼|个圆点|道彩虹|座小山|棵小树|只蝴蝶|片雪花|朵浪花|颗果子|"},
    {"coins", "枚铜钱|颗石子|粒扣子|个贝壳|粒松子|颗珠子|张纸币|颗莲子|"},
    {"jewel", "珍珠|王冠|宝石|钻石|玉佩|水晶|玛瑙|珊瑚|翡翠|琥珀|"},
    {"jewels", "颗珍珠|顶王冠|块宝石|粒钻石|块玉佩|根金条|颗玛瑙|箱珊瑚|"},
    {"cushion", "垫子|毯子|架子|枕头|地毯|桌布|椅子|箱子|席子|凳子|棉被|柜子|沙发|窗台|竹床|草堆|"},
    {"stone", "石头|木头|树根|水桶|树枝|砖块|瓜皮|篮子|苔藓|泥巴|果核|木板|稻草|石子|树皮|落叶|"},

    /* ---- places and times ---- */
    {"place", "草地|花园|海边|森林|果园|山谷|田野|公园|小山|河边|湖边|牧场|树林|竹林|海湾|峡谷|小岛|溪边|沙滩|山坡|塘边|葡萄园|码头|"
              "山顶|稻田|茶园|花海|空地|麦田|桃林|荷塘|山脚|村口|桥头|渡口|松林|菜园|瓜田|山寨|梅林|杏林|江边|河滩|草原|雪山|绿洲|古镇|"
              "水乡|"},
    {"padj", "宁静|美丽|遥远|隐秘|清幽|热闹|宽阔|僻静|翠绿|有名|神秘|安静|幽静|迷人|清凉|明亮|偏远|附近|熟悉|可爱|荒凉|平坦|古老|寂静|"
             "绿油油|金灿灿|雾蒙蒙|静悄悄|碧绿|葱绿|芬芳|秀丽|陌生|冷清|繁华|温暖|空旷|潮湿|阴凉|辽阔|"},
    {"feature", "小桥|水磨|石墙|大门|小巷|栅栏|泉水|农场|集市|钟楼|谷仓|车站|学校|凉亭|石阶|大树|篱笆|水车|戏台|牌坊|茶摊|石碑|灯柱|"
                "鱼塘|庙宇|马厩|石桥|菜地|柴房|药铺|面馆|染坊|"},
    {"tree", "橡树|松树|柳树|枫树|桦树|榕树|银杏|槐树|榆树|杨树|梧桐|樟树|梨树|桂树|桑树|柏树|枣树|杉树|棕榈|椰树|木棉|柿树|榉树|楠树|"},
    {"flower", "郁金香|玫瑰|雏菊|百合|月季|三色堇|风信子|水仙|牡丹|万寿菊|芍药|迎春|杜鹃|兰花|茉莉|海棠|丁香|菊花|荷花|桃花|杏花|梨花|"
               "樱花|蔷薇|凌霄|绣球|山茶|芙蓉|鸢尾|凤仙|石竹|铃兰|"},
    {"weather", "晴朗|微风|凉爽|暖和|阴沉|多云|清新|寒冷|飘雪|下雨|有雾|刮风|明媚|闷热|宁静|清凉|温暖|灿烂|阴冷|干燥|湿润|炎热|舒服|"
                "柔和|"},
    {"part", "早晨|上午|中午|下午|清晨|正午|白天|午后|"},

    /* ---- how ---- */
    {"num", "两|三|四|五|六|七|八|九|十一|十二|十三|十五|十六|十八|"},
    {"color", "红|蓝|绿|黄|白|黑|粉|紫|银|金|橙|灰|棕|青|彩|花|大|小|"},
    {"tadj", "深深|黑黑|幽暗|阴冷|可怕|窄窄|冰凉|肮脏|潮湿|陌生|巨大|阴森|神秘|古怪|阴暗|隐蔽|"},
    {"hobby", "唱歌|跳舞|画画|钓鱼|爬山|读书|游泳|划船|跑步|露营|滑雪|滑冰|写字|织毛衣|吹泡泡|变戏法|捏泥人|雕刻|编篮子|跳高|作诗|做饭|"
              "哼曲|数星星|赛跑|午睡|下棋|捉迷藏|讲故事|打滚|采药|捡贝壳|堆雪人|练武|种菜|荡秋千|绣花|剪纸|养花|猜谜|赏月|散步|看戏|"
              "摘果|跳远|拔河|刷漆|翻跟头|"},
    {"adverb", "轻轻|高兴|急忙|慢慢|温柔|悄悄|热情|亲切|认真|礼貌|平静|勇敢|自豪|大声|害羞|坚定|愉快|开心|小声|仔细|耐心|诚恳|激动|"
               "笑眯眯|乐呵呵|兴奋|爽快|腼腆|静静|匆匆|努力|郑重|专心|友好|细心|微笑|快活|从容|利落|飞快|小心|默默|欢快|热烈|"
               "使劲|"},
    {"went", "走|跑|跳|赶|溜|蹦|奔|晃|绕|踱|逛|爬|冲|挪|滑|骑车|"},
    {"sad", "难过|伤心|着急|担心|失望|沮丧|委屈|发愁|苦恼|不安|孤单|懊恼|忧愁|慌乱|心疼|心酸|烦闷|忧伤|生气|焦急|害怕|疲惫|无奈|后悔|"},
    {"glad", "高兴|开心|快乐|欢喜|满足|感动|得意|激动|欣慰|兴奋|自豪|愉快|幸福|陶醉|轻松|惊喜|安心|感激|快活|舒畅|喜悦|温暖|欢畅|痛快|"},
    {"lovely", "美丽|棒|妙|有趣|美好|好玩|特别|可爱|难忘|珍贵|幸福|精彩|漂亮|神奇|贴心|温馨|开心|迷人|奇妙|美满|甜蜜|了不起|浪漫|热闹|"},
    {NULL, NULL},
};
/* clang-format on */
