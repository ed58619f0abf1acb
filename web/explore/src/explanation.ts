// How one number came about, as data: the inputs it was computed from, what they were multiplied by, and the sum.

// One product; without a weight the value itself counts.
export interface Cell {
  value: number; // of the source at `position`; 0 in the padding
  weight: number | null;
  position: number; // in the source; -1: padding
  marked?: boolean; // the one that counts, of a maximum
}

// What one channel of the source adds.
export interface Part {
  channel: number;
  cells: Cell[];
  sum: number;
}

// What one source adds. Forwards a source is an input of the layer, backwards a layer that reads it.
export interface Section {
  source: number;
  title: string;
  rows: number; // of the cells of each part
  columns: number;
  weights?: string; // what the cells' weights are called
  parts: Part[];
  others?: { label: string; sum: number }; // of the channels that are not listed
  sum: number | null; // null: cannot be told from what the page keeps
  notes: string[];
}

export interface Step {
  label: string;
  text: string; // the numbers put in
  value: number;
}

export interface Explanation {
  formula: string;
  sections: Section[];
  steps: Step[];
  computed: number | null;
  stored: number | undefined; // what the network computed
  notes: string[];
}

export function sumOf(cells: Cell[]): number {
  let sum = 0;
  for (const cell of cells) sum += cell.weight === null ? cell.value : cell.value * cell.weight;
  return sum;
}

export function part(channel: number, cells: Cell[]): Part {
  return { channel, cells, sum: sumOf(cells) };
}

export function section(source: number, title: string, parts: Part[], extra: Partial<Section> = {}): Section {
  const others = extra.others?.sum ?? 0;
  const sum = parts.reduce((total, one) => total + one.sum, others);
  return { source, title, rows: 1, columns: 1, parts, sum, notes: [], ...extra };
}
