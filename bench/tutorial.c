/* The tutorial's training loop in C, written as one would write it: the yardstick of test_tutorial.py.
   Its draws are those of fastperceptron: 64 random bits a step from a counter (wyrand, Wang Yi's wyhash final version
   4), of which the upper half of n_rows * word is the row's number. The counter begins anew every 8192 draws.
   Arguments are read from a binary file: n_rows, n_features, steps, record_every, learning_rate, the counters' seeds,
   start weights and bias, rows, targets. Prints ns per step, then weights, bias and the last cost. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { DRAWS_PER_SEED = 8192 };

typedef unsigned __int128 uint128;

static int64_t draw_row(uint64_t *counter, int64_t n) {
    *counter += 0xA0761D6478BD642FULL;
    uint128 product = (uint128)*counter * (*counter ^ 0xE7037ED1A0B428DBULL);
    uint64_t word = (uint64_t)(product >> 64) ^ (uint64_t)product;
    return (int64_t)((uint128)word * (uint64_t)n >> 64);
}

static double weighted_sum(const double *x, const double *weights, double bias, int64_t d) {
    double z = bias;
    for (int64_t j = 0; j < d; j++) z += weights[j] * x[j];
    return z;
}

static double sigmoid(double z) { return 1.0 / (1.0 + exp(-z)); }

static double mean_cost(const double *X, const double *y, const double *weights, double bias, int64_t n, int64_t d) {
    double total = 0.0;
    for (int64_t i = 0; i < n; i++) {
        double error = sigmoid(weighted_sum(X + i * d, weights, bias, d)) - y[i];
        total += error * error;
    }
    return total / n;
}

static void *take(FILE *file, size_t size) {
    void *memory = malloc(size);
    if (!memory || fread(memory, 1, size, file) != size) exit(1);
    return memory;
}

int main(int argc, char **argv) {
    FILE *file = argc > 1 ? fopen(argv[1], "rb") : NULL;
    if (!file) return 1;
    int64_t *sizes = take(file, 4 * 8);
    int64_t n = sizes[0], d = sizes[1], steps = sizes[2], record_every = sizes[3];
    double learning_rate = *(double *)take(file, 8);
    uint64_t *seeds = take(file, (steps + DRAWS_PER_SEED - 1) / DRAWS_PER_SEED * 8), counter = 0;
    double *weights = take(file, d * 8), bias = *(double *)take(file, 8);
    double *X = take(file, n * d * 8), *y = take(file, n * 8), *costs = malloc(8 * (steps / record_every + 1));

    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int64_t step = 0; step < steps; step++) {
        if (step % DRAWS_PER_SEED == 0) counter = seeds[step / DRAWS_PER_SEED];
        int64_t row = draw_row(&counter, n);
        const double *x = X + row * d;
        double p = sigmoid(weighted_sum(x, weights, bias, d));
        double slope = 2 * (p - y[row]) * p * (1 - p);
        for (int64_t j = 0; j < d; j++) weights[j] -= learning_rate * slope * x[j];
        bias -= learning_rate * slope;
        if ((step + 1) % record_every == 0) costs[step / record_every] = mean_cost(X, y, weights, bias, n, d);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.4f\n", ((end.tv_sec - begin.tv_sec) * 1e9 + (end.tv_nsec - begin.tv_nsec)) / steps);
    for (int64_t j = 0; j < d; j++) printf("%.17g ", weights[j]);
    printf("%.17g %.17g\n", bias, costs[steps / record_every - 1]);
    return 0;
}
