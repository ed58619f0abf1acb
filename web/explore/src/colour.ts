// Numbers as colours: zero is the page's ground, the two signs are two hues. Values and gradients have their own pair.
import { interpolateLab } from "d3-interpolate";
import { scaleLinear } from "d3-scale";
import type { Direction } from "./network";

interface Palette {
  negative: string[]; // from zero outwards
  positive: string[];
}

const palettes: Record<"light" | "dark", Record<Direction, Palette>> = {
  light: {
    values: { negative: ["#ffffff", "#f0a37f", "#b3361e"], positive: ["#ffffff", "#7fb2e0", "#0b4a8f"] },
    gradients: { negative: ["#ffffff", "#e3b04b", "#8a5a00"], positive: ["#ffffff", "#b48ad8", "#4f2185"] },
  },
  dark: {
    values: { negative: ["#11161d", "#8f3f28", "#ff9b78"], positive: ["#11161d", "#1f5f9e", "#8fd0ff"] },
    gradients: { negative: ["#11161d", "#7a5a14", "#ffd166"], positive: ["#11161d", "#63409a", "#d7b3ff"] },
  },
};

const steps = 127;
const scheme = matchMedia("(prefers-color-scheme: dark)");

function tableOf({ negative, positive }: Palette): Uint32Array {
  const scale = scaleLinear<string>()
    .domain([-1, -0.5, 0, 0.5, 1])
    .range([negative[2]!, negative[1]!, negative[0]!, positive[1]!, positive[2]!])
    .interpolate(interpolateLab);
  const table = new Uint32Array(2 * steps + 1);
  for (let i = 0; i < table.length; ++i) {
    const [r, g, b] = scale((i - steps) / steps)
      .match(/\d+/g)!
      .map(Number);
    table[i] = (255 << 24) | (b! << 16) | (g! << 8) | r!;
  }
  return table;
}

let tables = new Map<Direction, Uint32Array>();

function table(direction: Direction): Uint32Array {
  let found = tables.get(direction);
  if (!found) {
    found = tableOf(palettes[scheme.matches ? "dark" : "light"][direction]);
    tables.set(direction, found);
  }
  return found;
}

export function onSchemeChange(redraw: () => void): void {
  scheme.addEventListener("change", () => {
    tables = new Map();
    redraw();
  });
}

// Little-endian RGBA; transparent for no number.
export function pixelOf(direction: Direction, value: number, scale: number): number {
  if (Number.isNaN(value)) return 0;
  const share = Math.max(-1, Math.min(1, value / scale));
  return table(direction)[Math.round(share * steps) + steps]!;
}

export function colourOf(direction: Direction, value: number, scale: number): { ground: string; ink: string } {
  const pixel = pixelOf(direction, value, scale);
  const [r, g, b] = [pixel & 255, (pixel >> 8) & 255, (pixel >> 16) & 255];
  const light = 0.299 * r + 0.587 * g + 0.114 * b > 140;
  return { ground: `rgb(${r} ${g} ${b})`, ink: light ? "#10151b" : "#f5f8fb" };
}
