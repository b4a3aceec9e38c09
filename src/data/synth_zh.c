/* synth_zh.c - the Chinese stories: data, read by synth.c. The same four tales as in English (lost, given, found, earned), told in Chinese:
 * every noun brings its measure word. H hero of kind K, F friend, O object. Grammar of the slots: synth.h.
 * Nouns of rule "object" and the names of heroes and friends stand in no other rule: whoever reads a story can tell them. */
#include "data/synth.h"

/* Columns of a thing: measure word, colour and noun / noun / what one does with it. */
#define T(measure, noun, verb) measure "{color}色的" noun "/" noun "/" verb "|"

/* clang-format off */
const lf_synth_rule lf__synth_zh[] = {
    {"story", "{open}{love}{tale}|"},
    {"tale", "{lost}|{gift}|{find}|{earn}|"},
    {"lost", "{own}{go_play}{loss}\n{friend_comes}{lost_talk}{rescue}\n{evening}{lost_end}|"},
    {"gift", "{birthday}{go_give}\n{barrier}{gift_talk}\n{evening}{gift_end}|"},
    {"find", "{go_find}{whose}\n{loser_comes}{find_talk}\n{evening}{find_end}|"},
    {"earn", "{wish}{deal}\n{work}{pay}\n{evening}{earn_end}|"},

    /* ---- the beginning ---- */
    {"open",
     "2*从前，有一只{look}又{adj}的小{K:kind}，名叫{H:hero}，围着{color}色的{garment}。|"
     "从前，在{hadj}的{home}里，住着一只{look}又{adj}的小{K:kind}，名叫{H:hero}。|"
     "很久以前，{feature}边有一只{look}又{adj}的小{K:kind}，名叫{H:hero}。|"
     "很久很久以前，有一只{adj}的小{K:kind}，名叫{H:hero}，家里养着{num}只{color}色的{pets}。|"},
    {"love",
     "{H}爱吃{fruit}和{fadj}{treat}，也爱{color}色的{flower}。|"
     "每天早饭，{H}都吃{fadj}{fruit}和{fadj}{treat}。|"
     "{H}最会{hobby}和{sport}。|"
     "每个{weather}的{part}，{H}都和{num}只{color}色的{critters}一起{sport}。|"
     "院子里，{H}种了{color}色的{flower}和{color}色的{herb}。|"},

    /* ---- lost: a treasure falls into a trap, a friend with a tool gets it out ---- */
    {"own",
     "{H}有一{O:object}，上面画着{num}{marks}。|"
     "{adj}的{elder}送给{H}一{O:object}，上面画着{num}{marks}。|"
     "生日那天，{H}得到了一{O:object}。|"},
    {"go_play",
     "一个{weather}的{part}，{H}带着{O1}来到{padj}的{place}。|"
     "这天{part}，{H}{adverb}地去{padj}的{place}{O2}{O1}。|"},
    {"loss",
     "忽然，{H}被{stone}绊了一下，{O1}掉进了{tadj}的{trap}。|"
     "一只{adj}的{bird}撞上了{H}，{O1}掉进了{tadj}的{trap}。|"
     "可是，一阵{gust}的风吹走了{O1}，{O1}掉进了{tadj}的{trap}。|"},
    {"friend_comes",
     "这时，一只{adj}的小{kind-K}，名叫{F:friend}，带着{num}只{color}色的{pets}走来。|"
     "{feature}边坐着一只{adj}的小{kind-K}，名叫{F:friend}，围着{color}色的{garment}。|"},
    {"lost_talk",
     "“我的{O1}掉进去了。”{H}{sighed}，又{sad}又{blue}。|"
     "“帮帮我，{F}。”{H}{sighed}，“我够不着我的{O1}。”|"
     "“别{sad}，{H}。”{F}{said}，“我来帮你拿{O1}。”|"},
    {"rescue",
     "{F}{adverb}地用{mat}的{tool}取出了{O1}。|"
     "用{mat}的{tool}，{H}和{F}{adverb}地救出了{O1}。|"},
    {"lost_end",
     "2*{any_end}|"
     "“谢谢你，{F}。”{H}{said}，又{glad}又{moved}。|"},

    /* ---- gift: a birthday, an obstacle on the way, a happy friend ---- */
    {"birthday",
     "有一只{adj}的小{kind-K}，名叫{F:friend}，要过生日了，{H}做了一{O:object}，上面画着{num}{marks}。|"
     "为了一只{adj}的小{kind-K}，名叫{F:friend}，{H}{adverb}地做了一{O:object}。|"
     "这天，{H}买了一{O:object}，要送给一只{adj}的小{kind-K}，名叫{F:friend}。|"},
    {"go_give",
     "一个{weather}的{part}，{H}带着{O1}和{fadj}{treat}，去{padj}的{place}找{F}。|"
     "{H}带着{O1}，{adverb}地去{padj}的{place}找{F}。|"},
    {"barrier",
     "可是，{block}。“我要把{O1}送给{F}。”{H}{said}，{adverb}地{detour}。|"
     "路上，{block}。{H}想着{F}，抱着{O1}，{adverb}地{detour}。|"},
    {"gift_talk",
     "“{O1}送给你，{F}。”{H}{said}。“真是{lovely}的{O1}！”{F}{said}。|"
     "{F}接过{O1}，又{glad}又{moved}。“真是{lovely}的{O1}！”{F}{said}。|"},
    {"gift_end",
     "2*{any_end}|"
     "“谢谢你，{H}。”{F}{said}，又{glad}又{moved}。|"},

    /* ---- find: an honest finder asks until the owner comes ---- */
    {"go_find",
     "一个{weather}的{part}，{H}在{padj}的{place}捡到一{O:object}，上面画着{num}{marks}。|"
     "这天{part}，{H}来到{padj}的{place}，在{tree}下捡到一{O:object}。|"},
    {"whose",
     "“这是谁的{O1}？”{H}问{num}只{color}色的{critters}，它们都不知道。|"
     "{H}守着{O1}，{patiently}地等了{num}个小时。|"},
    {"loser_comes",
     "这时，一只{adj}的小{kind-K}，名叫{F:friend}，走了过来，又{sad}又{blue}。|"
     "{feature}边坐着一只{adj}的小{kind-K}，名叫{F:friend}，{sadly}地哭着。|"},
    {"find_talk",
     "“我丢了{O1}。”{F}{sighed}。“{O1}在这里，{F}。”{H}{said}。|"
     "“别{sad}，{F}。”{H}{said}，“这是你的{O1}吗？”{F}又{glad}又{moved}。|"},
    {"find_end",
     "2*{any_end}|"
     "“谢谢你，{H}。”{F}{said}，又{glad}又{moved}。|"},

    /* ---- earn: a wish, a price, honest work ---- */
    {"wish",
     "有一只{adj}的小{kind-K}，名叫{F:friend}，店里有一{O:object}，{H}很想要。|"
     "一个{weather}的{part}，一只{adj}的小{kind-K}，名叫{F:friend}，给{H}看了一{O:object}。|"},
    {"deal",
     "“{H}，干{num}天活，{O1}就送给你。”{F}{said}。|"
     "{H}没有钱买{O1}，就去给{F}干活。|"},
    {"work",
     "于是，{H}{adverb}地给{F}{chore}、{errand}。|"
     "{H}先{adverb}地{chore}，又给{F}{errand}。|"},
    {"pay",
     "“干得好，{H}。”{F}{said}，“{O1}是你的了！”|"
     "{F}又{glad}又{moved}，把{O1}送给了{H}。|"},
    {"earn_end",
     "2*{any_end}|"
     "“谢谢你，{F}。”{H}{said}，又{glad}又{moved}。|"},

    /* ---- the last paragraph ---- */
    {"evening",
     "傍晚，{H}和{F}看着{O1}，吃着{fruit}和{fadj}{treat}。|"
     "天黑了，{H}和{F}带着{O1}，去看{num}只{color}色的{critters}。|"
     "现在，{H}和{F}在{padj}的{tree}下一起{O2}{O1}。|"},
    {"any_end",
     "从此，每个{weather}的{part}，{H}和{F}都一起{sport}、{hobby}。|"
     "就这样，{H}和{F}成了{close}的朋友，还养了{num}只{color}色的{pets}。|"
     "夜里，{H}{soundly}地睡着了，梦见了{F}和{num}只{color}色的{critters}。|"},

    /* ---- people and animals ---- */
    {"hero", "朵朵|豆豆|乐乐|果果|圆圆|球球|点点|蛋蛋|糖糖|丁丁|咪咪|皮皮|贝贝|欢欢|淘淘|妞妞|"},
    {"friend", "多多|笑笑|跳跳|壮壮|毛毛|嘟嘟|强强|妙妙|琪琪|佳佳|浩浩|宁宁|安安|晨晨|帅帅|波波|"},
    {"kind", "狐狸|熊|兔子|老鼠|刺猬|松鼠|鸭子|青蛙|山羊|猫|狗|獾|猪|马|乌龟|鹿|"},
    {"look", "可爱|漂亮|活泼|机灵|害羞|圆胖|小巧|好看|快活|贪睡|贪吃|聪慧|"},
    {"adj", "聪明|善良|勇敢|温柔|文静|开朗|好奇|友好|耐心|调皮|礼貌|骄傲|细心|热心|诚实|谦虚|幸运|能干|大方|勤快|"},
    {"elder", "爷爷|奶奶|叔叔|阿姨|老师|医生|船长|镇长|面包师|园丁|农夫|画家|"},
    {"pets", "母鸡|蜜蜂|鸽子|猫咪|鹅|金鱼|小鸡|鹦鹉|鹌鹑|火鸡|蚕宝宝|仓鼠|"},
    {"critters", "蝴蝶|甲虫|蜗牛|蟋蟀|蜻蜓|瓢虫|飞蛾|麻雀|燕子|海鸥|白鹤|喜鹊|壁虎|螃蟹|天鹅|萤火虫|"},
    {"bird", "乌鸦|老鹰|猫头鹰|啄木鸟|布谷鸟|大雁|孔雀|野鸭|"},

    /* ---- things ---- */
    {"object",
     T("只", "风筝", "放") T("个", "皮球", "拍") T("顶", "帽子", "戴") T("条", "围巾", "戴") T("个", "口哨", "吹") T("串", "铃铛", "摇")
     T("面", "铜鼓", "敲") T("个", "布娃娃", "抱") T("只", "陀螺", "转") T("面", "旗子", "挥") T("盏", "灯笼", "点") T("支", "笛子", "吹")
     T("个", "木偶", "玩") T("辆", "推车", "拉") T("条", "项链", "戴") T("本", "画册", "看")},
    {"trap", "水井|水沟|土坑|山洞|池塘|小溪|沼泽|泥潭|草丛|荆棘|木桶|地窖|"},
    {"tool", "绳子|梯子|钩子|铁铲|渔网|竹竿|耙子|木棍|叉子|扫帚|篮子|水桶|"},
    {"mat", "结实|细长|轻便|老旧|崭新|好用|沉重|顺手|简单|粗大|光滑|笔直|"},
    {"block", "河水又宽又急|{padj}的山坡太陡|前面有{tadj}的洞|雾太大了|{color}色的大门锁着|一只{adj}的大白鹅挡住了路|小桥断了|{tree}倒在地上|"},
    {"detour", "继续往前走|找到另一条路|绕了一大圈|跟着{num}只{color}色的{critters}走|等了{num}个小时|请{num}只{color}色的{critters}帮忙|"},
    {"chore", "打扫{home}|喂{pets}|擦窗户|修屋顶|挤牛奶|抹桌子|做{treat}|磨勺子|"},
    {"errand", "摘{fruit}|挑水|搬{num}块{stone}|刷{feature}|浇{flower}|劈柴|扫落叶|种{herb}|"},
    {"fruit", "苹果|梨子|樱桃|核桃|葡萄|西瓜|胡萝卜|玉米|桃子|草莓|土豆|南瓜|"},
    {"treat", "面包|奶酪|果酱|馅饼|蛋糕|包子|煎饼|饺子|饼干|红薯|汤圆|布丁|"},
    {"fadj", "香香的|甜甜的|新鲜的|软软的|热乎乎的|脆脆的|金黄的|可口的|酥酥的|嫩嫩的|美味的|多汁的|"},
    {"home", "木屋|树洞|草棚|石屋|竹楼|阁楼|磨坊|城堡|灯塔|帐篷|瓦房|小院|"},
    {"hadj", "暖和|小巧|干净|明亮|整齐|热闹|舒适|简朴|宽敞|温馨|古老|别致|"},
    {"garment", "围裙|斗篷|腰带|头巾|披肩|丝带|领结|布巾|纱巾|皮带|肚兜|草绳|"},
    {"marks", "颗星星|朵云|只小鸟|片叶子|颗爱心|弯月亮|朵梅花|条小鱼|个圆点|道彩虹|座小山|棵小树|"},
    {"stone", "石头|木头|树根|砖块|木板|泥巴|瓜皮|树皮|"},

    /* ---- places and times ---- */
    {"place", "草地|花园|海边|森林|果园|山谷|田野|公园|山顶|河边|湖边|牧场|竹林|小岛|码头|村口|"},
    {"padj", "宁静|美丽|遥远|隐秘|清幽|宽阔|翠绿|有名|神秘|安静|迷人|清凉|偏远|荒凉|平坦|寂静|"},
    {"feature", "小桥|石墙|大门|小巷|栅栏|农场|集市|钟楼|车站|学校|凉亭|篱笆|"},
    {"tree", "橡树|松树|柳树|枫树|桦树|榕树|银杏|槐树|榆树|杨树|梧桐|樟树|"},
    {"flower", "郁金香|玫瑰|雏菊|百合|月季|水仙|牡丹|芍药|"},
    {"herb", "茉莉|海棠|丁香|兰花|菊花|薄荷|荷花|桂花|"},
    {"weather", "晴朗|清爽|凉爽|暖和|阴沉|多云|清新|寒冷|飘雪|下雨|有雾|刮风|明媚|闷热|温暖|灿烂|"},
    {"part", "早晨|下午|中午|"},

    /* ---- how ---- */
    {"num", "两|三|四|五|六|七|八|九|十一|十二|"},
    {"color", "红|蓝|绿|黄|白|黑|粉|紫|银|金|橙|灰|棕|青|"},
    {"tadj", "深深|黑黑|幽暗|阴冷|可怕|窄窄|潮湿|陌生|"},
    {"hobby", "唱歌|跳舞|画画|读书|写字|下棋|讲故事|捉迷藏|"},
    {"sport", "钓鱼|爬山|游泳|划船|跑步|露营|滑雪|赛跑|"},
    {"adverb", "高兴|急忙|慢慢|热情|努力|飞快|亲切|认真|平静|勇敢|自豪|愉快|仔细|激动|坚定|"},
    {"sadly", "轻轻|小声|默默|不停|"},
    {"patiently", "静静|安静|默默|耐心|"},
    {"soundly", "静静|安稳|香甜|甜甜|轻轻|"},
    {"gust", "强劲|寒冷|调皮|凶猛|猛烈|冰冷|古怪|突来|"},
    {"said", "说|笑着说|大声说|点头说|"},
    {"sighed", "哭着说|叹气说|低声说|抽泣着说|"},
    {"sad", "难过|伤心|着急|担心|失望|发愁|"},
    {"blue", "沮丧|委屈|孤单|不安|疲惫|无奈|"},
    {"glad", "高兴|开心|快乐|欢喜|激动|得意|"},
    {"moved", "满足|感动|欣慰|兴奋|自豪|幸福|"},
    {"lovely", "美妙|精致|漂亮|神奇|特别|珍贵|精美|难忘|"},
    {"close", "亲密|要好|真正|最好|知心|难得|"},
    {NULL, NULL},
};
/* clang-format on */
