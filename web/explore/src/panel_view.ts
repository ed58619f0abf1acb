// The chosen layer: what it is, all its feature maps, one of them large, and how one number of it came about.
import { arithmeticView } from "./arithmetic_view";
import { explainGradient } from "./backward";
import { h, roveTabs } from "./dom";
import type { Explanation } from "./explanation";
import { explainValue } from "./forward";
import { familyOf, parameterText } from "./graph_view";
import { channelName, type Direction, type Layer, type Network, scaleOf, shapeText, valueAt } from "./network";
import { placeText, show, showCount } from "./numbers";
import { cellOf, type Frame, frameBox, frameOf, mapCanvas, positionOf, vectorCanvas, vectorFrame } from "./picture";
import { firstChannel, middle, type State } from "./state";

const thumbnailSize = 72;
const largeSize = 320;
const listedUnits = 14;

export interface PanelActions {
  open: (layer: number, channel?: number) => void;
  change: (part: Partial<State>) => void;
}

function pairText(value: unknown): string {
  return Array.isArray(value) ? value.join(" × ") : String(value);
}

// What the layer is set to, as chips; long lists and what says nothing are left out.
function settings(layer: Layer): HTMLElement {
  const list = h("ul", { class: "chips" });
  for (const [name, value] of Object.entries(layer.config)) {
    const nothing = value === 0 || value === false || value === "linear" || (Array.isArray(value) && value.length > 4);
    if (nothing || (name === "groups" && value === 1) || name === "shape") continue;
    const text = typeof value === "object" && !Array.isArray(value) ? JSON.stringify(value) : pairText(value);
    list.append(h("li", {}, `${name.replaceAll("_", " ")} `, h("b", {}, value === true ? "yes" : text)));
  }
  return list;
}

function relations(network: Network, layer: Layer, actions: PanelActions): HTMLElement {
  const links = (label: string, indices: number[]) =>
    h("p", { class: "relations" }, `${label} `,
      ...indices.flatMap((i, k) => [
        k > 0 ? ", " : "",
        h("button", { type: "button", class: "link", click: () => actions.open(i) }, network.layers[i]!.name),
      ]),
    );
  const element = h("div");
  if (layer.inputs.length > 0) element.append(links("reads", layer.inputs));
  if (layer.users.length > 0) element.append(links("read by", layer.users));
  return element;
}

function heading(layer: Layer): HTMLElement {
  const parameters = parameterText(layer);
  const trained = layer.parameters > 0 ? (layer.trainable ? " (trainable)" : " (frozen)") : "";
  return h("header", { class: `heading ${familyOf(layer)}` },
    h("h2", {}, layer.name),
    h("p", {}, h("b", {}, layer.type), ` · ${shapeText(layer)}${parameters && ` · ${parameters}${trained}`}`),
  );
}

function mapsTitle(isVector: boolean, direction: Direction): string {
  if (direction === "gradients") return isVector ? "Gradients" : "Gradient maps";
  return isVector ? "Values" : "Feature maps";
}

function limitNote(layer: Layer): string {
  if (layer.channels.length === layer.depth) {
    const some = layer.units.length < layer.depth ? `; the arithmetic of the ${layer.units.length} strongest` : "";
    return layer.positions > 1 ? `all ${showCount(layer.depth)} channels` : `all ${showCount(layer.depth)} values${some}`;
  }
  return `${layer.channels.length} of ${showCount(layer.depth)} channels: those that vary most over this photo`;
}

// The colours with the values at their ends.
function legend(layer: Layer, direction: Direction, channel: number): HTMLElement {
  const scale = scaleOf(layer, direction, channel);
  return h("span", { class: "legend" }, show(-scale), h("span", { class: `ramp ${direction}`, "aria-hidden": "true" }), show(scale));
}

function thumbnails(network: Network, layer: Layer, state: State, actions: PanelActions): HTMLElement {
  const list = h("div", { class: "maps", role: "group", "aria-label": "Feature maps: arrow keys go from map to map" });
  const buttons = layer.channels.map((channel) =>
    h("button",
      { type: "button", class: "thumb", "data-channel": channel, tabindex: channel === state.channel ? 0 : -1,
        "aria-label": channelName(network, layer, channel), "aria-pressed": channel === state.channel ? "true" : "false",
        click: () => actions.change({ channel }) },
      mapCanvas(layer, state.direction, channel, thumbnailSize),
      h("span", {}, String(channel)),
    ),
  );
  list.append(...buttons);
  const columns = () => buttons.filter((one) => one.offsetTop === buttons[0]!.offsetTop).length;
  roveTabs(list, () => buttons, columns);
  return list;
}

// The strongest values of a vector whose arithmetic can be followed.
function strongestUnits(network: Network, layer: Layer, state: State, choose: (channel: number) => void): HTMLElement {
  const value = (channel: number) => valueAt(layer, state.direction, channel, 0)!;
  const order = [...layer.units].sort((a, b) => Math.abs(value(b)) - Math.abs(value(a))).slice(0, listedUnits);
  const list = h("ul", { class: `strongest ${state.direction}`, "aria-label": "Strongest values" });
  for (const channel of order) {
    const share = (50 * Math.abs(value(channel))) / layer.scale[state.direction];
    const side = value(channel) < 0 ? "right" : "left";
    list.append(
      h("li", {},
        h("button", { type: "button", "data-channel": channel, "aria-pressed": channel === state.channel ? "true" : "false", click: () => choose(channel) },
          h("span", { class: "name" }, channelName(network, layer, channel)),
          h("span", {}, show(value(channel))),
          h("span", { class: "both", "aria-hidden": "true" },
            h("span", { class: value(channel) < 0 ? "minus" : "plus", style: `${side}:50%;width:${share}%` })),
        ),
      ),
    );
  }
  return list;
}

// Lets pointer and arrow keys choose a cell of a picture; `choose` gets it and whether it is to stay.
function pickCells(element: HTMLElement, frame: Frame, current: () => number, choose: (cell: number) => void): void {
  let held = false;
  const cellAt = (event: PointerEvent): number => {
    const box = element.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * frame.columns);
    const row = Math.floor(((event.clientY - box.top) / box.height) * frame.rows);
    const inside = (at: number, extent: number) => Math.min(extent - 1, Math.max(0, at));
    return inside(row, frame.rows) * frame.columns + inside(column, frame.columns);
  };
  element.addEventListener("pointermove", (event) => {
    if (!held) choose(cellAt(event));
  });
  element.addEventListener("pointerdown", (event) => {
    held = event.pointerType === "mouse" && !held;
    choose(cellAt(event));
    element.classList.toggle("held", held);
  });
  element.addEventListener("keydown", (event) => {
    const far = event.shiftKey ? 10 : 1;
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-far, 0],
      ArrowRight: [far, 0],
      ArrowUp: [0, -far],
      ArrowDown: [0, far],
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const column = (current() % frame.columns) + move[0];
    const row = Math.floor(current() / frame.columns) + move[1];
    const inside = (at: number, extent: number) => Math.min(extent - 1, Math.max(0, at));
    choose(inside(row, frame.rows) * frame.columns + inside(column, frame.columns));
  });
}

export function panelView(network: Network, state: State, actions: PanelActions): { element: HTMLElement; update: () => void } {
  const layer = network.layers[state.layer]!;
  const element = h("article", { class: "layer" });
  let followed: number | undefined;
  const isVector = layer.positions === 1;
  const has = Boolean(layer.arrays[state.direction]);

  element.append(heading(layer), settings(layer), relations(network, layer, actions));
  if (!has) {
    const text = layer.index > network.logits
      ? "The gradients begin at the logits, before this layer."
      : "This page holds no gradients of this layer: the logits do not depend on it.";
    element.append(h("p", { class: "note" }, text));
    return { element, update: () => undefined };
  }
  element.append(
    h("div", { class: "row" }, h("h3", {}, mapsTitle(isVector, state.direction))),
    h("p", { class: "note" }, limitNote(layer)),
  );
  if (!isVector) element.append(thumbnails(network, layer, state, actions));

  const frame = isVector ? vectorFrame(layer) : frameOf(layer);
  const box = h("span", { class: "cell" });
  const large = h("div",
    { class: "picture large", tabindex: 0, role: "application",
      "aria-label": isVector ? "Values: arrow keys choose one" : "Feature map: arrow keys choose a pixel" });
  const canvas = isVector ? vectorCanvas(layer, state.direction) : mapCanvas(layer, state.direction, state.channel, largeSize);
  large.append(canvas, box);
  if (layer.op === "Input" && state.direction === "values") {
    element.append(h("img", { class: "photo", src: network.photo.uri, alt: `The photo as the network sees it: ${network.photo.name}` }));
  }
  const live = h("p", { class: "where", "aria-live": "polite" });
  const arithmetic = h("div", { class: "holder" });
  const units = isVector && strongestUnits(network, layer, state, (channel) => select(layer.channelAt.get(channel)!));
  const how = state.direction === "values" ? "How one value is computed" : "How one gradient is computed";
  element.append(
    h("div", { class: "row" }, h("h3", {}, how), legend(layer, state.direction, state.channel)),
    h("p", { class: "note hint" }, isVector ? "Point at a cell, or use the arrow keys; click to hold it." : "Point at a pixel, or use the arrow keys; click to hold it."),
    h("div", { class: "stage" }, h("div", { class: "result-map" }, large, live, units), arithmetic),
  );

  const explain = (): Explanation =>
    (state.direction === "values" ? explainValue : explainGradient)(network, layer, state.channel, state.position);
  const update = () => {
    const explanation = explain();
    const cell = isVector ? layer.channelAt.get(state.channel)! : cellOf(frame, state.position);
    frameBox(box, frame, [cell]);
    const where = isVector ? channelName(network, layer, state.channel) : `channel ${state.channel}, ${placeText(layer, state.position)}`;
    for (const one of units ? units.querySelectorAll("button") : []) {
      one.setAttribute("aria-pressed", one.dataset.channel === String(state.channel) ? "true" : "false");
    }
    live.replaceChildren(`${where}: `, h("b", {}, show(valueAt(layer, state.direction, state.channel, state.position))));
    const context = {
      network,
      direction: state.direction,
      followed,
      follow: (channel: number) => {
        followed = channel;
        update();
        arithmetic.querySelector<HTMLElement>(`[data-channel="${channel}"]`)?.focus();
      },
      open: (index: number, channel: number) => actions.open(index, channel < 0 ? undefined : channel),
    };
    arithmetic.replaceChildren(arithmeticView(context, layer, explanation));
  };
  let waiting = false;
  const select = (chosen: number) => {
    if (isVector) {
      const channel = layer.channels[chosen];
      if (channel === undefined || channel === state.channel) return;
      state.channel = channel;
    } else {
      const position = positionOf(layer, frame, chosen);
      if (position === undefined || position === state.position) return;
      state.position = position;
    }
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      actions.change({});
      update();
    });
  };
  pickCells(large, frame, () => (isVector ? layer.channelAt.get(state.channel)! : cellOf(frame, state.position)), select);
  update();
  return { element, update };
}

// The view of a layer to begin with: as much as can be kept of where the reader was.
export function stateFor(network: Network, state: State, index: number, channel?: number): State {
  const layer = network.layers[index]!;
  const before = network.layers[state.layer]!;
  const wanted = channel ?? state.channel;
  const keep = layer.channelAt.has(wanted) && layer.positions > 1 ? wanted : firstChannel(network, layer);
  const scaled = (): number => {
    if (layer.shape.length !== 3 || before.shape.length !== 3) return middle(layer);
    const y = Math.floor(((Math.floor(state.position / before.width) + 0.5) / before.height) * layer.height);
    const x = Math.floor((((state.position % before.width) + 0.5) / before.width) * layer.width);
    return Math.min(layer.positions - 1, y * layer.width + x);
  };
  return {
    layer: index,
    channel: channel !== undefined && layer.channelAt.has(channel) ? channel : keep,
    position: before.positions > 1 ? scaled() : middle(layer),
    direction: state.direction,
  };
}
