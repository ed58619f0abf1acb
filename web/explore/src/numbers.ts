// Numbers as text: four significant digits, with a real minus sign.
import { format } from "d3-format";

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

export const showCount = format(",d");
export const showShare = format(".1%");
