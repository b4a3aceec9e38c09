/* synth_zh.c - the Chinese stories: data, read by synth.c. The same four tales as in English (lost, given, found, earned), told in Chinese:
 * animals are 它, every noun brings its measure word. H hero, F friend, O object of look C, P place. Grammar of the slots: synth.h.
 * Nouns of rule "object" and the two lists of names stand in no other rule. */
#include "data/synth.h"

/* Columns of a thing: measure word, look and noun / noun / what one does with it. */
#define T(measure, noun, verb) measure "{C:look}的" noun "/" noun "/" verb "|"

const lf_synth_rule lf__synth_zh[] = {
    {"story", "{open}{middle}|"},
    {"middle", "2*{love}{tale}|{tale}|"},
    {"tale", "{lost}|{gift}|{find}|{earn}|"},
    {"lost", "{own}{go_play}{loss}\n{friend_comes}{lost_talk}{rescue}\n{close}{lost_end}|"},
    {"gift", "{birthday}{go_give}\n{barrier}{gift_talk}\n{close}{gift_end}|"},
    {"find", "{go_find}{whose}\n{loser_comes}{find_talk}\n{close}{find_end}|"},
    {"earn", "{wish}{go_work}\n{earn_talk}{work}{pay}\n{close}{earn_end}|"},

    /* ---- the beginning ---- */
    {"open",
     "从前，{padj}的{place}住着一只{adj}的小{K:kind}，名叫{H:hero}。|"
     "{H:hero}是一只{J:adj}又{adj-J}的小{K:kind}，和{num}只{color}的{pets}做伴。|"
     "很久以前，小{K:kind}{H:hero}住在{hadj}的{home}里，养着{num}只{color}的{pets}。|"
     "小{K:kind}{H:hero}住在{hadj}的{home}里，门前开满{color}的{flower}。|"
     "大家都认识{H:hero}，那只爱{hobby}、爱吃{food}的小{K:kind}。|"
     "在{padj}的{place}，有一只{adj}的小{K:kind}叫{H:hero}。|"
     "有只小{K:kind}叫{H:hero}，它{J:adj}、{adj-J}，家是{hadj}的{home}。|"
     "故事里的小{K:kind}叫{H:hero}，它围着{color}的{garment}，又{J:adj}又{adj-J}。|"},
    {"love",
     "它爱吃{A:food}和{food-A}，也爱{hobby}。|"
     "每到星期{weekday}，它就请{guests}吃{fadj}的{food}。|"
     "平时它喜欢{B:hobby}、{hobby-B}，还种{color}的{flower}。|"
     "院子里，{color}的{D:flower}挨着{color}的{flower-D}。|"
     "论{B:hobby}和{hobby-B}，谁也比不上它。|"
     "白天它和{guests}一起{hobby}，晚上做{A:food}和{food-A}。|"
     "{guests}常来找它{hobby}，吃{fadj}的{food}。|"
     "闲下来，它就{B:hobby}、{hobby-B}，或者采{color}的{flower}。|"},

    /* ---- lost: a treasure falls into a trap, a friend with a tool gets it out ---- */
    {"own",
     "它最爱{adj}的{relative}送的那{O:object}。|"
     "{relative}送给它一{O:object}，上面画着{num}{marks}。|"
     "它有一件宝贝，是一{O:object}。|"
     "走到哪儿，{H}都带着{relative}做的那{O:object}。|"
     "有一天，{adj}的{relative}寄来{food}和一{O:object}。|"
     "床底下，{H}藏着{food}和一{O:object}。|"},
    {"go_play",
     "星期{weekday}的{part}{weather}，它{went}到{padj}的{P:place}{O2}{O1}。|"
     "一个{weather}的{part}，它包好{A:food}和{food-A}，带着{O1}{went}到{padj}的{P:place}。|"
     "这天{part}{weather}，{H}{adverb}地{went}到{padj}的{P:place}，想{O2}{O1}。|"
     "{weather}的{part}最适合{O2}{O1}，{H}{went}到了{padj}的{P:place}。|"
     "吃完{A:food}和{food-A}，它{adverb}地带着{O1}{went}到{padj}的{P:place}。|"},
    {"loss",
     "忽然，一只{color}的{bird}飞来，{O1}掉进了{tadj}的{T:trap}。|"
     "没想到{num}只{color}的{critters}撞了它一下，{O1}滚进了{tadj}的{T:trap}。|"
     "一阵风{adverb}地吹过，{O1}飞进了{tadj}的{T:trap}。|"
     "它只顾看{num}只{color}的{critters}，{O1}落进了{tadj}的{T:trap}。|"
     "哎呀，{H}被{color}的{stone}绊倒，{O1}摔进了{tadj}的{T:trap}。|"
     "{H}正和{num}只{critters}{hobby}，{O1}却溜进了{tadj}的{T:trap}。|"},
    {"friend_comes",
     "这时，{adj}的小{G:kind-K}{F:friend}提着{A:food}和{food-A}走来。|"
     "不久，小{G:kind-K}{F:friend}从{feature}那边{adverb}地{went}过来。|"
     "幸好，{adj}的小{G:kind-K}{F:friend}正在附近{hobby}。|"
     "小{G:kind-K}{F:friend}围着{color}的{garment}，{adverb}地赶来了。|"
     "路上来了{adj}的小{G:kind-K}{F:friend}，手里捧着{color}的{flower}。|"},
    {"lost_talk",
     "“{H}，你怎么这样{sad}？”{F}{adverb}地问。“我的{O1}在{T}里！”{H}{sad}地说。|"
     "“你看上去很{sad}。”{F}说。“{T}吞了我的{O1}。”{H}{adverb}地说。|"
     "“请帮帮我，{F}。”{H}{adverb}地说，“{O1}卡在{T}里了。”|"
     "“我的{O1}掉了。”{H}{adverb}地说。“别{sad}。”{F}{adverb}地说。|"
     "{H}{adverb}地指着{T}。“别{sad}，”{F}说，“{O1}丢不了。”|"},
    {"rescue",
     "{F}拿来{mat}的{T1}，试了{num}次，{C}的{O1}出来了。|"
     "它俩用{mat}的{T1}{adverb}地捞，{O1}得救了。|"
     "小{G}找到{mat}的{T1}，{adverb}地取回了{O1}。|"
     "在{feature}旁，它们借到{mat}的{T1}，{adverb}地救出{O1}。|"
     "“用{T1}吧！”{F}说。{num}分钟后，{H}又抱住了{C}的{O1}。|"},
    {"lost_end",
     "{any_end}|"
     "{H}再也不独自去{T}旁边了。|"
     "{H}明白了：{adj}的朋友胜过{color}的宝贝。|"
     "“丢了的总能找回来。”{F}{adverb}地说。|"
     "以后，{H}总是{adverb}地看好{O1}。|"},

    /* ---- gift: a birthday, a barrier on the way, a passer-by who helps ---- */
    {"birthday",
     "它的好朋友小{G:kind-K}{F:friend}又{J:adj}又{adj-J}，一直想要一{O:object}。|"
     "星期{weekday}是小{G:kind-K}{F:friend}的生日，{H}做了一{O:object}。|"
     "小{G:kind-K}{F:friend}病了，很{sad}，{H}买来一{O:object}送给它。|"
     "为了{adj}的小{G:kind-K}{F:friend}，{H}用{food}换来一{O:object}。|"
     "听说小{G:kind-K}{F:friend}有些{sad}，{H}找出一{O:object}，画上{num}{marks}。|"},
    {"go_give",
     "一个{weather}的{part}，它带着{O1}和{fadj}的{food}{went}到{padj}的{P:place}。|"
     "它用{color}的纸包好{O1}，{adverb}地{went}到{padj}的{P:place}。|"
     "这天{part}{weather}，它在{O1}上插了{color}的{flower}，{went}到{padj}的{P:place}。|"
     "{weather}的{part}，它{adverb}地抱着{O1}，和{num}只{critters}{went}到{padj}的{P:place}。|"
     "{color}的口袋装着{O1}、{A:food}和{food-A}，它{went}到了{padj}的{P:place}。|"},
    {"barrier",
     "可是{X:block}。幸好一只{adj}的小{kind-KG}{adverb}地{X1}。|"
     "路上，{X:block}。“我来帮你。”{adj}的小{kind-KG}说着，{X1}。|"
     "糟糕，{X:block}！{H}{adverb}地喊，一只{adj}的小{kind-KG}{X1}。|"
     "不料{X:block}。它送出{A:food}和{food-A}，一只{adj}的小{kind-KG}{X1}。|"
     "它停下来，因为{X:block}。{num}分钟后，小{kind-KG}{adverb}地{X1}。|"},
    {"gift_talk",
     "“{F}，{O1}送给你。”{H}{adverb}地说。“真{lovely}！”{F}{adverb}地说。|"
     "小{G}{adverb}地打开门，看见{O1}。“给我的？真{lovely}！”{F}很{glad}。|"
     "“生日快乐，{F}！”{H}{adverb}地说。{F}{adverb}地接过{O1}，非常{glad}。|"
     "“猜猜我带了什么？”{H}问。“{C}的{O1}！真{lovely}！”{F}{adverb}地喊。|"
     "{F}正在家里{hobby}。“{O1}？你真{adj}！”它{adverb}地说。|"},
    {"gift_end",
     "{any_end}|"
     "{H}明白了：送礼物比吃{fadj}的{food}还甜。|"
     "“这个{part}真{lovely}。”{F}{adverb}地说。|"
     "以后每个星期{weekday}，{F}都{O2}{O1}。|"
     "“{O1}很{lovely}，可你才是最好的礼物。”{F}说。|"},

    /* ---- find: an honest finder asks until the owner comes ---- */
    {"go_find",
     "星期{weekday}{part}，它在{padj}的{P:place}捡到一{O:object}。|"
     "一个{weather}的{part}，它{went}到{padj}的{P:place}，看见{tree}下有一{O:object}。|"
     "这天它在{padj}的{P:place}{hobby}，发现{flower}丛里有一{O:object}。|"
     "{weather}的{part}，它{went}到{padj}的{P:place}，{num}只{critters}围着一{O:object}。|"
     "为了找{food}，它{went}到{padj}的{P:place}，却捡到一{O:object}。|"},
    {"whose",
     "它{adverb}地问了{num}只{color}的{critters}，都不知道是谁的。|"
     "{O2}{O1}一定很{lovely}，可失主该多{sad}啊。|"
     "“谁丢了{O1}？”它{adverb}地问{num}只{critters}，它们都摇头。|"
     "它{adverb}地守着{O1}，等了{num}个小时，吃了{A:food}和{food-A}。|"
     "它在{color}的木牌上写了“捡到{O1}”，{adverb}地挂在{tree}上。|"},
    {"loser_comes",
     "终于来了{adj}的小{G:kind-K}{F:friend}，样子很{sad}。|"
     "在{feature}后面，{adj}的小{G:kind-K}{F:friend}正{sad}地哭。|"
     "小{G:kind-K}{F:friend}{adverb}地{went}过来，看着很{sad}。|"
     "不久，{num}只{color}的{critters}领来了{sad}的小{G:kind-K}{F:friend}。|"
     "有只{adj}的小{G:kind-K}在{feature}旁找东西，它叫{F:friend}。|"},
    {"find_talk",
     "“我丢了{O1}。”{F}{sad}地说。“是{C}的吗？给你！”{H}{adverb}地说。|"
     "“{C}的{O1}是你的吗？”{H}{adverb}地问。“是的，太{lovely}了！”{F}{adverb}地说。|"
     "“你见过{C}的{O1}吗？”{F}{adverb}地问。“在这儿。”{H}{adverb}地说。|"
     "{H}{adverb}地举起{O1}。“你找到了！我太{glad}了！”{F}说。|"
     "“我的{O1}！”{F}{adverb}地喊，“是{relative}给我的。”{H}{adverb}地还给了它。|"},
    {"find_end",
     "{any_end}|"
     "{H}明白了：诚实的心比{color}的{jewel}更珍贵。|"
     "“星期{weekday}来我家{O2}{O1}吧。”{F}{adverb}地说。|"
     "大家都{adverb}地夸{H}是诚实的小{K}。|"
     "{F}再没丢过{O1}，{H}又多了{num}个朋友。|"},

    /* ---- earn: a wish, honest work, the wage ---- */
    {"wish",
     "它想要一{O:object}，可口袋里只有{num}{coins}。|"
     "比起{A:food}和{food-A}，它更想要一{O:object}。|"
     "每天夜里，{H}都梦见一{O:object}，上面有{num}{marks}。|"
     "“我真想有一{O:object}。”{H}{adverb}地说。|"
     "听{adj}的{relative}讲起一{O:object}，{H}也想要。|"},
    {"go_work",
     "一个{weather}的{part}，它{went}到{padj}的{P:place}，小{G:kind-K}{F:friend}在那里开{hadj}的店。|"
     "星期{weekday}，它{adverb}地{went}到{padj}的{P:place}，遇见了{adj}的小{G:kind-K}{F:friend}。|"
     "{adj}的小{G:kind-K}{F:friend}在{padj}的{P:place}开店，店里正好有。|"
     "于是它{went}到{padj}的{P:place}，去找卖{food}的小{G:kind-K}{F:friend}。|"
     "这天{part}，小{G:kind-K}{F:friend}正在{padj}的{P:place}{hobby}。|"},
    {"earn_talk",
     "“帮我干{num}天活，{O1}就归你。”{F}{adverb}地说。|"
     "“我能干活换{O1}吗？”{H}{adverb}地问。“干{num}天吧。”{F}{adverb}地说。|"
     "“我有{O1}，”{F}{sad}地说，“可活儿太多。”“我来帮忙！”{H}{adverb}地说。|"
     "“采些{color}的{flower}，再帮帮我，”{F}{adverb}地说，“{O1}就给你。”|"
     "“谁又{J:adj}又{adj-J}，我就把{O1}给谁。”{F}{adverb}地说。|"},
    {"work",
     "于是{H}{adverb}地{U:chore}、{V:chore-U}、{chore-UV}。|"
     "它先{U:chore}，再{V:chore-U}，又{adverb}地{chore-UV}。|"
     "{H}{U:chore}、{V:chore-U}，{num}只{critters}都来看。|"
     "每天，{H}{U:chore}、{V:chore-U}，还{adverb}地{hobby}。|"
     "它和{guests}一起{U:chore}，又{adverb}地{chore-U}。|"},
    {"pay",
     "最后，{F}{adverb}地把{C}的{O1}给了它。|"
     "“干得好！”{F}说，“{O1}归你，还有{fadj}的{food}。”|"
     "{F}很{glad}，送上{O1}和{color}的{flower}。|"
     "到了星期{weekday}，{O1}归了{H}，它{adverb}地跳起来。|"
     "看见{F}{adverb}地拿来{O1}，{H}多么{glad}！|"},
    {"earn_end",
     "{any_end}|"
     "{H}明白了：干完活，{food}吃起来更{lovely}。|"
     "“自己挣来的最{lovely}。”{H}{adverb}地说。|"
     "直到现在，{H}每个星期{weekday}还去帮忙。|"
     "“你又{J:adj}又{adj-J}，认识你真好。”{F}说。|"},

    /* ---- the last paragraph ---- */
    {"close",
     "傍晚，{H}和{F}坐在{tree}下吃{fadj}的{A:food}和{food-A}，{O1}放在中间。|"
     "太阳下山了，{H}和{F}守着{O1}，喝{color}的{drink}，吃{A:food}和{food-A}。|"
     "晚上，{guests}也来了，和{H}、{F}一起{O2}{O1}，吃{fadj}的{food}。|"
     "{H}和{F}围着{O1}{adverb}地跳舞，直到{num}颗{color}的星星出来。|"
     "天黑了，{F}做了{A:food}和{food-A}，{H}给{guests}看{O1}。|"
     "睡觉前，{H}把{O1}放在{color}的{cushion}上，{F}讲了{num}只{critters}的故事。|"
     "月亮升到{P}上空，{H}和{F}{adverb}地{O2}{O1}，吃{fadj}的{food}。|"
     "夜里，{H}和{F}在{color}的{cushion}上画下{O1}，{adverb}地吃{food}。|"},
    {"any_end",
     "从此，每个星期{weekday}，{H}和{F}都一起{hobby}。|"
     "后来，{H}、{F}和{num}只{critters}一直快乐地生活着。|"
     "{H}{glad}地睡着了，梦见了{color}的{critters}。|"
     "这真是{weather}又{lovely}的一天。|"},

    /* ---- people and animals ---- */
    {"hero", "阿兰|阿福|阿宝|阿青|阿朵|阿吉|阿秋|阿云|阿满|阿木|小明|小美|小安|小强|小军|小芳|豆豆|团团|乐乐|毛毛|朵朵|米米|甜甜|冬冬|丁丁|"
             "安安|可可|琪琪|贝贝|泡泡|咚咚|妞妞|阳阳|洋洋|多多|嘟嘟|"},
    {"friend", "晶晶|奇奇|妙妙|莉莉|芳芳|丽丽|强强|盼盼|思思|文文|佳佳|晨晨|露露|球球|糖糖|壮壮|兵兵|灵灵|宁宁|萌萌|桃桃|梅梅|竹竹|松松|"
               "皮皮|波波|卡卡|娜娜|"},
    {"kind", "狐狸|棕熊|兔子|老鼠|刺猬|松鼠|鸭|青蛙|山羊|绵羊|花猫|黄狗|獾|河狸|乌龟|鼹鼠|鹅|鹿|熊猫|浣熊|老虎|狮子|猴子|企鹅|考拉|水獭|"
             "羊驼|袋鼠|豹子|羚羊|鹦鹉|公鸡|仓鼠|穿山甲|野猪|雪貂|"},
    {"adj", "善良|勇敢|害羞|快乐|温柔|聪明|安静|开朗|好奇|友好|耐心|贪睡|顽皮|懂礼|诚实|骄傲|细心|活泼|忠诚|谦虚|嘴馋|幸运|爱笑|大胆|体贴|"
            "勤劳|能干|可爱|机灵|稳重|热心|大方|淘气|腼腆|乐观|天真|憨厚|坚强|文静|爱美|老实|听话|调皮|乖巧|伶俐|节俭|单纯|爱动|"},
    {"relative", "奶奶|爷爷|叔叔|姑姑|舅舅|姨妈|哥哥|姐姐|外婆|外公|邻居|老师|表哥|堂姐|伯伯|婶婶|"},
    {"guests", "邻居们|孩子们|表弟们|伙伴们|客人们|水手们|农夫们|弟弟妹妹|歌手们|同学们|旅人们|老人们|木匠们|渔夫们|"},
    {"pets", "母鸡|蜜蜂|鸽子|小猫|小狗|蚕宝宝|金鱼|鸳鸯|蝈蝈|白鼠|八哥|鹌鹑|"},
    {"critters", "蝴蝶|甲虫|蜗牛|蟋蟀|蜻蜓|瓢虫|飞蛾|鸽子|麻雀|百灵|燕子|海鸥|白鹭|仙鹤|喜鹊|壁虎|螃蟹|母鸡|天鹅|萤火虫|蜜蜂|大雁|蚂蚁|知了|"
                 "螳螂|画眉|黄鹂|鸳鸯|翠鸟|孔雀|蚂蚱|虾米|"},
    {"bird", "乌鸦|海鸥|喜鹊|老鹰|白鹤|天鹅|鸽子|云雀|燕子|翠鸟|猫头鹰|杜鹃|大雁|野鸡|"},

    /* ---- things ---- */
    {"object",
     T("只", "风筝", "放") T("个", "皮球", "拍") T("顶", "帽子", "戴") T("条", "围巾", "戴") T("个", "口哨", "吹") T("串", "铃铛", "摇")
     T("面", "小鼓", "敲") T("个", "布娃娃", "抱") T("只", "陀螺", "转") T("颗", "弹珠", "弹") T("面", "旗子", "挥") T("盏", "灯笼", "点")
     T("支", "笛子", "吹") T("支", "喇叭", "吹") T("个", "木偶", "玩") T("个", "风车", "转") T("把", "二胡", "拉") T("个", "铁环", "滚")
     T("把", "茶壶", "擦") T("本", "画册", "看") T("张", "地图", "看") T("辆", "小车", "推") T("条", "项链", "戴") T("件", "披风", "披")
     T("只", "毽子", "踢") T("块", "积木", "摆") T("把", "雨伞", "撑") T("副", "手套", "戴") T("把", "扇子", "扇") T("支", "口琴", "吹")
     T("把", "琵琶", "弹") T("个", "香囊", "闻") T("个", "魔方", "转") T("张", "面具", "戴") T("架", "望远镜", "看") T("枚", "徽章", "戴")},
    {"look", "红色|蓝色|绿色|黄色|白色|黑色|粉色|紫色|银色|金色|橙色|灰色|棕色|青色|彩色|雪白|火红|天蓝|碧绿|淡黄|乌黑|深红|浅紫|米色|漂亮|崭新|"
             "精美|古老|光亮|特别|"},
    {"trap", "水井/{hole_tool}|水沟/{water_tool}|深坑/{hole_tool}|山洞/{hole_tool}|木桶/{hole_tool}|烟囱/{hole_tool}|地道/{hole_tool}|"
             "池塘/{water_tool}|小溪/{water_tool}|沼泽/{water_tool}|喷泉/{water_tool}|泥潭/{water_tool}|树篱/{bush_tool}|草丛/{bush_tool}|"
             "灌木/{bush_tool}|草垛/{bush_tool}|荆棘/{bush_tool}|石缝/{hole_tool}|"},
    {"hole_tool", "绳子|梯子|钩子|铁铲|蜡烛|链子|火把|夹子|"},
    {"water_tool", "渔网|竹竿|船桨|木筏|钓竿|水桶|筛子|长勺|"},
    {"bush_tool", "耙子|木棍|叉子|剪刀|锯子|扫帚|镰刀|拐杖|"},
    {"mat", "结实|长长|轻便|旧旧|崭新|借来|祖传|沉重|顺手|自制|粗粗|有用|"},
    {"block", "河水冲走了桥/划船送它过河|大雾遮住了路/带它走出大雾|一棵{tree}倒在路上/推开了它|{color}的大门锁着/打开了门|"
              "小路全是烂泥/背它过了泥地|山坡太陡/拉它上了坡|{num}只{critters}挡住了路/哄走了它们|前面有{num}条岔路/给它指了路|"
              "一条{tadj}的沟拦在前面/搭了木板|{color}的蛇睡在桥上/唱歌引开了蛇|天下起大雨/借给它{color}的斗笠|石头堵住了{feature}/搬开了石头|"},
    {"chore", "扫地|喂鸡|摘{food}|擦窗|挑水|劈柴|刷墙|修屋顶|浇花|洗{food}|挤牛奶|抹桌子|堆柴火|耙落叶|烤{food}|晒{food}|刷碗|种{flower}|"
              "磨勺子|洗锅|拔草|晾衣服|缝被子|看店|搬货|切{food}|和面|补篱笆|"},
    {"food", "苹果|梨子|樱桃|核桃|面包|奶酪|果酱|馅饼|蛋糕|包子|葡萄|西瓜|胡萝卜|豆子|玉米|煎饼|饺子|饼干|松饼|麻花|桃子|草莓|萝卜|土豆|红薯|"
             "南瓜|汤圆|布丁|栗子|红枣|面条|花生|瓜子|米饭|粽子|月饼|年糕|蘑菇|番茄|黄瓜|香蕉|橘子|柚子|李子|杏子|山楂|豆腐|春卷|馒头|烧饼|"
             "米糕|花卷|竹笋|青菜|菠萝|荔枝|"},
    {"fadj", "香甜|新鲜|美味|可口|香喷喷|甜滋滋|诱人|好吃|清香|地道|爽口|金黄|鲜美|难得|稀罕|普通|干净|精致|上等|自家|"},
    {"drink", "果汁|茶水|豆浆|酸梅汤|米酒|糖水|"},
    {"home", "木屋|树洞|山洞|草棚|石屋|小院|竹楼|阁楼|磨坊|城堡|灯塔|帐篷|瓦房|土屋|船屋|花店|地洞|茅屋|书店|客栈|"},
    {"hadj", "暖和|小巧|干净|明亮|整齐|结实|热闹|舒适|简朴|宽敞|低矮|别致|安静|狭小|温馨|崭新|老旧|雅致|向阳|漂亮|"},
    {"garment", "围裙|斗篷|腰带|头巾|披肩|丝带|花环|布巾|"},
    {"marks", "颗星星|朵云|只小鸟|片叶子|颗爱心|弯月亮|朵梅花|条小鱼|个圆点|道彩虹|"},
    {"coins", "枚铜钱|颗石子|粒扣子|个贝壳|粒松子|颗珠子|"},
    {"jewel", "珍珠|王冠|宝石|钻石|玉佩|金条|"},
    {"cushion", "垫子|毯子|架子|枕头|地毯|桌布|椅子|箱子|"},
    {"stone", "石头|木头|树根|水桶|树枝|砖块|南瓜|篮子|"},

    /* ---- places and times ---- */
    {"place", "草地|花园|海边|森林|果园|山谷|田野|公园|小山|河边|湖边|牧场|树林|竹林|海湾|峡谷|小岛|溪边|沙滩|山坡|塘边|葡萄园|码头|山顶|稻田|"
              "茶园|花海|空地|麦田|桃林|荷塘|山脚|村口|桥头|渡口|松林|"},
    {"padj", "宁静|美丽|遥远|隐秘|清幽|热闹|宽阔|僻静|翠绿|有名|神秘|安静|幽静|迷人|清凉|明亮|偏远|附近|熟悉|可爱|荒凉|平坦|古老|寂静|绿油油|"
             "金灿灿|雾蒙蒙|静悄悄|"},
    {"feature", "小桥|水磨|石墙|大门|小巷|栅栏|泉水|农场|集市|钟楼|谷仓|车站|学校|凉亭|石阶|大树|"},
    {"tree", "橡树|松树|柳树|枫树|桦树|榕树|银杏|槐树|榆树|杨树|梧桐|樟树|梨树|桂树|"},
    {"flower", "郁金香|玫瑰|雏菊|百合|月季|三色堇|风信子|水仙|牡丹|金盏花|芍药|迎春|杜鹃|兰花|茉莉|海棠|丁香|菊花|"},
    {"weather", "晴朗|微风|凉爽|暖和|阴沉|多云|清新|寒冷|飘雪|下雨|有雾|刮风|明媚|闷热|宁静|清凉|温暖|灿烂|"},
    {"weekday", "一|二|三|四|五|六|日|"},
    {"part", "早晨|上午|中午|下午|"},

    /* ---- how ---- */
    {"num", "两|三|四|五|六|七|八|九|十|"},
    {"color", "红色|蓝色|绿色|黄色|白色|黑色|粉色|紫色|银色|金色|橙色|灰色|棕色|青色|彩色|雪白|火红|天蓝|碧绿|淡黄|乌黑|深红|浅紫|米色|漂亮|"
              "好看|可爱|大大|小小|古怪|"},
    {"tadj", "深深|黑黑|又大又深|幽暗|阴冷|可怕|窄窄|乱糟糟|冰凉|脏脏|潮湿|陌生|"},
    {"hobby", "唱歌|跳舞|画画|钓鱼|爬山|读书|游泳|划船|跑步|露营|滑雪|滑冰|写字|织毛衣|吹泡泡|变戏法|捏泥人|雕刻|编篮子|跳高|作诗|做饭|哼曲|"
              "数星星|赛跑|午睡|下棋|捉迷藏|讲故事|打滚|采药|捡贝壳|堆雪人|练武|种菜|荡秋千|"},
    {"adverb", "轻轻|高兴|急忙|慢慢|温柔|悄悄|热情|亲切|认真|礼貌|平静|勇敢|自豪|大声|甜甜|害羞|坚定|愉快|开心|小声|仔细|耐心|诚恳|激动|"
               "笑眯眯|乐呵呵|慌张|兴奋|爽快|腼腆|静静|匆匆|"},
    {"went", "走|跑|跳|赶|溜|蹦|奔|晃|绕|踱|逛|爬|"},
    {"sad", "难过|伤心|着急|担心|失望|沮丧|委屈|发愁|苦恼|不安|孤单|懊恼|忧愁|慌乱|"},
    {"glad", "高兴|开心|快乐|欢喜|满足|感动|得意|激动|欣慰|兴奋|自豪|愉快|幸福|陶醉|"},
    {"lovely", "美丽|棒|妙|有趣|美好|好玩|特别|可爱|难忘|珍贵|幸福|精彩|"},
    {NULL, NULL},
};
