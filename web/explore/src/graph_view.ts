// The network as a graph of cards: type, shape, parameters and the first feature maps of every layer.
import { h, svg } from "./dom";
import { cardHeight, cardWidth, type GraphLayout, placeLayers } from "./layout";
import { channelName, type Direction, type Layer, type Network, shapeText } from "./network";
import { showCount, showShare } from "./numbers";
import { stripCanvas } from "./picture";

const thumbnails = 3;
const thumbnailSide = 46;

export interface GraphView {
  element: HTMLElement;
  select: (layer: number) => void; // marks it and brings it into view
  focus: (layer: number) => void;
  redraw: (direction: Direction) => void;
}

const families: Record<string, string> = {
  Input: "input",
  Conv2D: "conv",
  Conv2DTranspose: "conv",
  DepthwiseConv2D: "conv",
  Dense: "dense",
  SelfAttention: "dense",
  WindowAttention: "dense",
  BatchNormalization: "norm",
  LayerNormalization: "norm",
  GroupNormalization: "norm",
  LocalResponseNormalization: "norm",
  Activation: "activation",
  MaxPooling2D: "pool",
  AveragePooling2D: "pool",
  GlobalAveragePooling2D: "pool",
  GlobalMaxPooling2D: "pool",
  Add: "merge",
  Multiply: "merge",
  Concatenate: "merge",
};

export function familyOf(layer: Layer): string {
  return families[layer.op] ?? "other";
}

export function parameterText(layer: Layer): string {
  return layer.parameters === 0 ? "" : `${showCount(layer.parameters)} parameter${layer.parameters === 1 ? "" : "s"}`;
}

// The best three classes in place of a picture.
function ranking(network: Network, layer: Layer): HTMLElement {
  const values = layer.arrays.values!;
  const order = [...values.keys()].sort((a, b) => values[b]! - values[a]!).slice(0, 3);
  const isShare = layer.index === network.output && network.output !== network.logits;
  const rows = order.map((c) =>
    h("span", {}, h("b", {}, channelName(network, layer, c)), " ", isShare ? showShare(values[c]!) : values[c]!.toFixed(2)),
  );
  return h("span", { class: "ranking", "aria-hidden": "true" }, ...rows);
}

function pictureFor(network: Network, layer: Layer, direction: Direction): Node {
  if (layer.op === "Input" && direction === "values") {
    const photo = h("img", { src: network.photo.uri, alt: "" });
    return h("span", { class: "strip" }, photo);
  }
  if (direction === "values" && layer.index >= network.logits && layer.depth === network.classes.length) {
    return ranking(network, layer);
  }
  if (!layer.arrays[direction]) return h("span", { class: "none" }, "no gradient");
  return stripCanvas(layer, direction, thumbnails, thumbnailSide);
}

// The end of a long name tells layers apart, not its beginning.
const longestName = 21;
function shortName(name: string): string {
  return name.length > longestName ? `…${name.slice(1 - longestName)}` : name;
}

function card(layer: Layer): HTMLButtonElement {
  const parameters = parameterText(layer);
  const label = `${layer.name}, ${layer.type}, ${shapeText(layer)}${parameters && `, ${parameters}`}`;
  return h(
    "button",
    { class: `card ${familyOf(layer)}`, type: "button", tabindex: -1, "aria-label": label, "data-layer": layer.index },
    h("span", { class: "text" },
      h("b", { title: layer.name }, shortName(layer.name)),
      h("span", { class: "type" }, layer.type),
      h("span", {}, shapeText(layer), parameters && h("i", {}, ` · ${showCount(layer.parameters)}`)),
    ),
  );
}

// The nearest card in the direction of an arrow key.
function neighbour(network: Network, layout: GraphLayout, from: number, key: string): number | undefined {
  const layer = network.layers[from]!;
  const here = layout.places[from]!;
  const nearest = (candidates: number[]) =>
    candidates.sort((a, b) => Math.abs(layout.places[a]!.x - here.x) - Math.abs(layout.places[b]!.x - here.x))[0];
  const beside = (sign: number) =>
    nearest(
      network.layers
        .map((one) => one.index)
        .filter((i) => {
          const there = layout.places[i]!;
          return Math.abs(there.y - here.y) < cardHeight && sign * (there.x - here.x) > cardWidth / 2;
        }),
    );
  switch (key) {
    case "ArrowDown":
      return nearest([...layer.users]);
    case "ArrowUp":
      return nearest([...layer.inputs]);
    case "ArrowLeft":
      return beside(-1);
    case "ArrowRight":
      return beside(1);
    case "Home":
      return 0;
    case "End":
      return network.output;
    default:
      return undefined;
  }
}

function drawEdges(layout: GraphLayout): { element: SVGElement; mark: (layer: number) => void } {
  const element = svg("svg", { width: layout.width, height: layout.height, "aria-hidden": "true" });
  const paths = layout.edges.map((edge) => {
    const path = svg("path", { d: edge.path });
    element.append(path);
    return { ...edge, path };
  });
  const mark = (layer: number) => {
    for (const { from, to, path } of paths) path.classList.toggle("near", from === layer || to === layer);
  };
  return { element, mark };
}

// Dragging the ground moves the graph, as everywhere else.
function dragToScroll(scroller: HTMLElement): void {
  let start: { x: number; y: number; left: number; top: number } | undefined;
  scroller.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button !== 0 || (event.target as Element).closest("button")) return;
    start = { x: event.clientX, y: event.clientY, left: scroller.scrollLeft, top: scroller.scrollTop };
    scroller.setPointerCapture(event.pointerId);
  });
  scroller.addEventListener("pointermove", (event) => {
    if (!start) return;
    scroller.scrollLeft = start.left - (event.clientX - start.x);
    scroller.scrollTop = start.top - (event.clientY - start.y);
  });
  const stop = () => (start = undefined);
  scroller.addEventListener("pointerup", stop);
  scroller.addEventListener("pointercancel", stop);
}

export function graphView(network: Network, onSelect: (layer: number, byKey: boolean) => void): GraphView {
  const layout = placeLayers(network);
  const edges = drawEdges(layout);
  const cards = network.layers.map((layer) => card(layer));
  const ground = h("div", { class: "ground" });
  ground.append(edges.element, ...cards);
  const scroller = h("div", { class: "scroller" }, h("div", { class: "sized" }, ground));
  const sized = scroller.firstElementChild as HTMLElement;
  let zoom = 1;
  let direction: Direction = "values";
  let selected = 0;

  cards.forEach((one, i) => {
    const place = layout.places[i]!;
    one.style.transform = `translate(${place.x}px, ${place.y}px)`;
    one.addEventListener("click", () => onSelect(i, false));
  });
  scroller.addEventListener("keydown", (event) => {
    const from = cards.indexOf(document.activeElement as HTMLButtonElement);
    const to = from < 0 ? undefined : neighbour(network, layout, from, event.key);
    if (to === undefined) return;
    event.preventDefault();
    onSelect(to, true);
    cards[to]!.focus({ preventScroll: true });
  });

  const seen = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const one = entry.target as HTMLElement;
        const drawn = one.dataset.drawn;
        if (!entry.isIntersecting || drawn === direction) continue;
        if (drawn) one.lastElementChild?.remove();
        one.append(pictureFor(network, network.layers[Number(one.dataset.layer)]!, direction));
        one.dataset.drawn = direction;
      }
    },
    { root: scroller, rootMargin: "600px" },
  );
  const redraw = (next: Direction) => {
    direction = next;
    seen.disconnect();
    for (const one of cards) {
      if (one.dataset.drawn) one.lastElementChild?.remove();
      delete one.dataset.drawn;
      seen.observe(one);
    }
  };

  const applyZoom = () => {
    ground.style.transform = `scale(${zoom})`;
    sized.style.width = `${layout.width * zoom}px`;
    sized.style.height = `${layout.height * zoom}px`;
  };
  const zoomTo = (next: number) => {
    const centre = (scroller.scrollTop + scroller.clientHeight / 2) / zoom;
    const middle = (scroller.scrollLeft + scroller.clientWidth / 2) / zoom;
    zoom = Math.min(1.5, Math.max(0.12, next));
    applyZoom();
    scroller.scrollTop = centre * zoom - scroller.clientHeight / 2;
    scroller.scrollLeft = middle * zoom - scroller.clientWidth / 2;
  };
  scroller.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      zoomTo(zoom * (event.deltaY < 0 ? 1.15 : 1 / 1.15));
    },
    { passive: false },
  );
  dragToScroll(scroller);
  applyZoom();

  const reveal = (layer: number) => {
    const place = layout.places[layer]!;
    const [x, y] = [(place.x + cardWidth / 2) * zoom, (place.y + cardHeight / 2) * zoom];
    const [w, t] = [scroller.clientWidth, scroller.clientHeight];
    const inside = y > scroller.scrollTop + 60 && y < scroller.scrollTop + t - 60;
    const beside = x > scroller.scrollLeft + 120 && x < scroller.scrollLeft + w - 120;
    if (!inside) scroller.scrollTop = y - t / 2;
    if (!beside) scroller.scrollLeft = x - w / 2;
  };
  const select = (layer: number) => {
    cards[selected]!.removeAttribute("aria-current");
    cards[selected]!.tabIndex = -1;
    selected = layer;
    cards[layer]!.setAttribute("aria-current", "true");
    cards[layer]!.tabIndex = 0;
    edges.mark(layer);
    reveal(layer);
  };

  const button = (text: string, label: string, act: () => void) =>
    h("button", { type: "button", "aria-label": label, title: label, click: act }, text);
  const tools = h("div", { class: "tools" },
    button("−", "Smaller", () => zoomTo(zoom / 1.3)),
    button("+", "Larger", () => zoomTo(zoom * 1.3)),
    button("whole", "Whole network", () => {
      zoomTo(Math.min(scroller.clientWidth / layout.width, scroller.clientHeight / layout.height));
    }),
    button("1:1", "Actual size", () => {
      zoomTo(1);
      reveal(selected);
    }),
  );
  const element = h("section", { class: "graph", "aria-label": "The network: arrow keys go from layer to layer" }, scroller, tools);
  return { element, select, redraw, focus: (layer) => cards[layer]!.focus({ preventScroll: true }) };
}
