// title.en: Gradient clipping
// title.zh: 梯度裁剪
// minutes: 10
// read: tutorials/train.c clip_gradients | src/train/step.c
// hint.en: All gradients together are one long vector. Its length is the root of the sum of all squares.
// hint.zh: 所有梯度合起来是一个长向量。它的长度是平方和的平方根。
// hint.en: Longer than the limit: multiply every element by limit / norm. Not longer: change nothing.
// hint.zh: 超过上限：每个元素都乘以 limit / norm。没超过：什么都不改。
// hint.en: float scale = limit / (norm + 1e-6f);   if (scale < 1) for (i) g[i] *= scale;   return norm;
// hint.zh: float scale = limit / (norm + 1e-6f);   if (scale < 1) for (i) g[i] *= scale;   return norm;
// mistake.en: a short gradient stays as it is: it must not be made longer
// mistake.zh: 短的梯度保持原样：不能把它拉长
// mistake.en: each element was clipped by itself, which changes the direction: shorten the vector as a whole
// mistake.zh: 逐个裁剪元素会改变方向：应当整体缩短向量
// mistake.en: return the length BEFORE clipping: that is what a training log shows
// mistake.zh: 返回裁剪之前的长度：训练日志里显示的就是它

// en: Pascanu et al. 2013. Now and then a batch has a gradient ten times as long as usual. Its direction is fine; its length is not.
// zh: Pascanu et al. 2013。偶尔一个批次的梯度比平时长十倍。方向没问题，长度有问题。
//
//      norm = sqrt(sum of g_i^2)          norm > limit:  g_i = g_i * limit / norm
//
// en: Shorten g[0 .. n-1], one vector, to `limit` where it is longer; return its length before.
// zh: 把 g[0 .. n-1] 当作一个向量，比 limit 长就缩短到 limit；返回原来的长度。
#include <math.h>

float clip_gradients(float *g, int n, float limit)
{
    // en: YOUR TURN
    // zh: 到你了
    return 0;
}

// ---- check ----
#include "check.h"
float clip_gradients(float *g, int n, float limit);

static void clip(float *g, int n, float limit)
{
    check_number("norm|原来的长度", (double)clip_gradients(g, n, limit));
    check_floats("g", g, 1, n);
}

int main(void)
{
    check_case("3 and 4 make 5, the limit is 1", "3 和 4 得 5，上限是 1"), clip((float[]){3, 4}, 2, 1);
    check_case("a short one stays as it is", "短的保持原样"), clip((float[]){0.1f, -0.2f, 0.05f}, 3, 1);
    check_case("twelve numbers", "十二个数"), clip(check_random(1, 12, 5), 12, 2);
    check_case("zeros", "全零"), clip(check_filled(3, 0), 3, 1);
}
