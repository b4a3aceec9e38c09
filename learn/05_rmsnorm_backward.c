// title.en: RMSNorm, backward
// title.zh: RMSNorm 反向
// minutes: 30
// read: tutorials/model.c rmsnorm_backward | src/ops/op_norm.c
// hint.en: y_i = w_i x_i r. x_i reaches the loss twice: through its own y_i, and through r, which every y_j contains.
// hint.zh: y_i = w_i x_i r。x_i 有两条路通向损失：自己的 y_i，以及每个 y_j 都含有的 r。
// hint.en: dr/dx_i = -r^3 x_i / C. So compute dot = sum over j of w_j dy_j x_j first; the second path adds -r^3 x_i / C * dot.
// hint.zh: dr/dx_i = -r^3 x_i / C。先求 dot = 对 j 求和 w_j dy_j x_j；第二条路贡献 -r^3 x_i / C * dot。
// hint.en: dx[i] += r * w[i] * dy[i] - r * r * r * x[i] / C * dot;   dw[i] += dy[i] * x[i] * r;
// hint.zh: dx[i] += r * w[i] * dy[i] - r * r * r * x[i] / C * dot;   dw[i] += dy[i] * x[i] * r;
// mistake.en: gradients are ADDED to what is there already: += and not =
// mistake.zh: 梯度要加到已有的值上：用 +=，不是 =
// mistake.en: the second path is missing: x_i also changes r, and r is in every output of the row
// mistake.zh: 缺了第二条路：x_i 还会改变 r，而这一行的每个输出都含有 r
// mistake.en: in the second path each dy_j arrives multiplied by its gain w_j
// mistake.zh: 第二条路上，每个 dy_j 都要乘上它的增益 w_j

// en: Given dy = d loss / d y, find dx = d loss / d x and dw = d loss / d w of y_i = w_i x_i r, r = 1 / sqrt(mean(x^2) + eps).
// zh: y_i = w_i x_i r，r = 1 / sqrt(mean(x^2) + eps)。已知 dy = d loss / d y，求 dx = d loss / d x 和 dw = d loss / d w。
//
//      x_i ----------> * w_i * r ---> y_i          x_i ---> r ---> y_0, y_1, ..., y_{C-1}
//
// en: Add to dx and dw: something may be in them already, from another path or another row.
// zh: 结果要加到 dx 和 dw 上：里面可能已有别的路径或别的行的贡献。
#include <math.h>

void rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w, int C, float eps)
{
    // en: YOUR TURN
    // zh: 到你了
}

// ---- check ----
#include "check.h"
void rmsnorm_backward(float *dx, float *dw, const float *dy, const float *x, const float *w, int C, float eps);

static void row(const float *dy, const float *x, const float *w, int C, float before)
{
    float *dx = check_filled(C, before), *dw = check_filled(C, before);
    rmsnorm_backward(dx, dw, dy, x, w, C, 1e-5f);
    check_floats("dw", dw, 1, C), check_floats("dx", dx, 1, C);
}

int main(void)
{
    check_case("gains of 1", "增益为 1"), row(check_random(1, 4, 1), check_random(2, 4, 1), check_filled(4, 1), 4, 0);
    check_case("sixteen numbers with gains", "十六个数，带增益");
    row(check_random(3, 16, 1), check_random(4, 16, 2), check_random(5, 16, 1), 16, 0);
    check_case("something is there already", "里面已有数值");
    row(check_random(6, 8, 1), check_random(7, 8, 2), check_random(8, 8, 1), 8, 0.5f);
}
