// title.en: RoPE: positions as rotations
// title.zh: RoPE：用旋转表示位置
// minutes: 20
// read: tutorials/model.c rope | src/ops/op_rope.c
// hint.en: D numbers are D / 2 clock hands. Hand i has the coordinates x[i] and x[i + D/2]: halves, not neighbours.
// hint.zh: D 个数是 D / 2 根表针。第 i 根的坐标是 x[i] 和 x[i + D/2]：前后两半，不是相邻的两个。
// hint.en: angle = position * powf(theta, -2.0f * i / D). Both new coordinates need both OLD ones: keep them in two variables first.
// hint.zh: angle = position * powf(theta, -2.0f * i / D)。两个新坐标都要用两个旧坐标：先存进变量。
// hint.en: float a = x[i], b = x[i + D / 2];   x[i] = a * cos - b * sin;   x[i + D / 2] = a * sin + b * cos;
// hint.zh: float a = x[i], b = x[i + D / 2];   x[i] = a * cos - b * sin;   x[i + D / 2] = a * sin + b * cos;
// mistake.en: neighbours (2i, 2i+1) were turned together; here hand i is x[i] and x[i + D/2]
// mistake.zh: 把相邻的 (2i, 2i+1) 一起旋转了；这里第 i 根表针是 x[i] 和 x[i + D/2]
// mistake.en: the second coordinate was computed from the NEW first one: keep the old one
// mistake.zh: 第二个坐标用了新的第一个坐标：要先留住旧值
// mistake.en: the hands turn too slowly or too fast: the exponent is -2i / D
// mistake.zh: 表针转得太慢或太快：指数是 -2i / D
// mistake.en: turned the wrong way round: y_i = x_i cos - x_{i+D/2} sin
// mistake.zh: 转反了方向：y_i = x_i cos - x_{i+D/2} sin

// en: Su et al. 2021. Attention sees a set of rows, not an order. RoPE turns D/2 clock hands by an angle that grows with the position,
// en: the first hand fast, the last one hardly at all; a dot product of two rows then depends on their distance.
// zh: Su et al. 2021。注意力看到的是一个集合，没有顺序。RoPE 让 D/2 根表针按位置转动，第一根快，最后一根几乎不动；
// zh: 于是两行的点积只取决于它们的距离。
//
//      angle_i   = position * theta^(-2i/D)             i = 0 .. D/2 - 1
//      y_i       = x_i cos(angle_i) - x_{i+D/2} sin(angle_i)
//      y_{i+D/2} = x_i sin(angle_i) + x_{i+D/2} cos(angle_i)
//
// en: x: one head of D numbers, in place. cosf, sinf, powf are in <math.h>.
// zh: x：一个头的 D 个数，就地修改。cosf、sinf、powf 在 <math.h> 里。
#include <math.h>

void rope(float *x, int D, int position, float theta)
{
    // en: YOUR TURN
    // zh: 到你了
}

// ---- check ----
#include "check.h"
void rope(float *x, int D, int position, float theta);

static void turn(float *x, int D, int position, float theta)
{
    rope(x, D, position, theta);
    check_floats("x", x, 1, D);
}

int main(void)
{
    check_case("position 0: nothing turns", "位置 0：不转"), turn(check_random(1, 8, 1), 8, 0, 10000);
    check_case("position 1, two numbers", "位置 1，两个数"), turn((float[]){1, 0}, 2, 1, 10000);
    check_case("position 3, a head of 8", "位置 3，八维的头"), turn(check_random(2, 8, 1), 8, 3, 100);
    check_case("position 50, a head of 16", "位置 50，十六维的头"), turn(check_random(3, 16, 1), 16, 50, 10000);
}
