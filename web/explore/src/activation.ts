// Activation functions and their slopes, with the formula as text.

export interface Curve {
  formula: string; // of x
  slopeFormula: string;
  value: (x: number) => number;
  slope: (x: number) => number;
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const hardSigmoid = (x: number) => Math.min(6, Math.max(0, x + 3)) / 6;
const step = (x: number, low: number, high: number) => (x > low && x < high ? 1 : 0);

// Abramowitz and Stegun 7.1.26 refined by its own series near 0: absolute error below 2e-7.
function erf(x: number): number {
  const size = Math.abs(x);
  if (size < 0.5) {
    let term = size;
    let sum = size;
    for (let n = 1; n < 12; ++n) {
      term *= (-size * size) / n;
      sum += term / (2 * n + 1);
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI);
  }
  const t = 1 / (1 + 0.3275911 * size);
  const series =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - series * Math.exp(-size * size));
}

const cdf = (x: number) => 0.5 * (1 + erf(x / Math.SQRT2));
const density = (x: number) => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
const geluArgument = (x: number) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);

function geluTanhSlope(x: number): number {
  const t = Math.tanh(geluArgument(x));
  const inner = Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
  return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner;
}

export interface ActivationConfig {
  kind: string;
  alpha: number;
}

export function activationOf(config: unknown): ActivationConfig {
  if (typeof config === "string") return { kind: config, alpha: 0 };
  const { kind, alpha } = (config ?? {}) as { kind?: string; alpha?: number };
  return { kind: kind ?? "linear", alpha: alpha ?? 0 };
}

// Nothing for softmax, which is no function of one number, and for functions that this page does not know.
export function curveOf({ kind, alpha }: ActivationConfig): Curve | undefined {
  const curves: Record<string, Curve> = {
    linear: { formula: "x", slopeFormula: "1", value: (x) => x, slope: () => 1 },
    relu: {
      formula: "max(0, x)",
      slopeFormula: "1 where x > 0, else 0",
      value: (x) => Math.max(0, x),
      slope: (x) => (x > 0 ? 1 : 0),
    },
    relu6: {
      formula: "min(6, max(0, x))",
      slopeFormula: "1 where 0 < x < 6, else 0",
      value: (x) => Math.min(6, Math.max(0, x)),
      slope: (x) => step(x, 0, 6),
    },
    leaky_relu: {
      formula: `x where x > 0, else ${alpha} x`,
      slopeFormula: `1 where x > 0, else ${alpha}`,
      value: (x) => (x > 0 ? x : alpha * x),
      slope: (x) => (x > 0 ? 1 : alpha),
    },
    elu: {
      formula: `x where x > 0, else ${alpha} (eˣ − 1)`,
      slopeFormula: `1 where x > 0, else ${alpha} eˣ`,
      value: (x) => (x > 0 ? x : alpha * Math.expm1(x)),
      slope: (x) => (x > 0 ? 1 : alpha * Math.exp(x)),
    },
    sigmoid: {
      formula: "1 / (1 + e⁻ˣ)",
      slopeFormula: "y (1 − y)",
      value: sigmoid,
      slope: (x) => sigmoid(x) * (1 - sigmoid(x)),
    },
    tanh: {
      formula: "tanh x",
      slopeFormula: "1 − y²",
      value: Math.tanh,
      slope: (x) => 1 - Math.tanh(x) ** 2,
    },
    swish: {
      formula: "x · sigmoid(x)",
      slopeFormula: "s + x s (1 − s), s = sigmoid(x)",
      value: (x) => x * sigmoid(x),
      slope: (x) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
    },
    hard_sigmoid: {
      formula: "relu6(x + 3) / 6",
      slopeFormula: "1/6 where −3 < x < 3, else 0",
      value: hardSigmoid,
      slope: (x) => step(x, -3, 3) / 6,
    },
    hard_swish: {
      formula: "x · relu6(x + 3) / 6",
      slopeFormula: "h(x) + x h′(x), h = relu6(x + 3) / 6",
      value: (x) => x * hardSigmoid(x),
      slope: (x) => hardSigmoid(x) + (x * step(x, -3, 3)) / 6,
    },
    gelu: {
      formula: "x · Φ(x), Φ the normal distribution",
      slopeFormula: "Φ(x) + x φ(x)",
      value: (x) => x * cdf(x),
      slope: (x) => cdf(x) + x * density(x),
    },
    gelu_tanh: {
      formula: "x / 2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))",
      slopeFormula: "its derivative",
      value: (x) => 0.5 * x * (1 + Math.tanh(geluArgument(x))),
      slope: geluTanhSlope,
    },
  };
  return curves[kind];
}
