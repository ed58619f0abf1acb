// Numbers as text: four significant digits, with a real minus sign.
import { format } from "d3-format";
import type { Layer } from "./network";

const plain = format(".4~r");
const scientific = format(".3~e");

export function show(value: number | undefined): string {
  if (value === undefined) return "–";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size === 0) return "0";
  const text = size >= 1e-3 && size < 1e6 ? plain(value) : scientific(value);
  return text.replaceAll("-", "−");
}

// Three digits, for narrow places.
export function showShort(value: number): string {
  const size = Math.abs(value);
  if (!Number.isFinite(value)) return show(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e5)) return format(".1~e")(value).replaceAll("-", "−");
  return format(".3~r")(value).replaceAll("-", "−");
}

export const showCount = format(",d");
export const showShare = format(".1%");

export function placeText(layer: Layer, position: number): string {
  if (layer.positions === 1) return "";
  if (position < 0) return "outside";
  if (layer.shape.length === 2) return `token ${position}`;
  return `row ${Math.floor(position / layer.width)}, column ${position % layer.width}`;
}
