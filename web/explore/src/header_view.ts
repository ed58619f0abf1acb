// The top of the page: photo, prediction, and which direction is shown.
import { h } from "./dom";
import { type Direction, hasGradients, type Network } from "./network";
import { showShare } from "./numbers";

const shownClasses = 5;

function prediction(network: Network): HTMLElement {
  const order = [...network.probabilities.keys()].sort((a, b) => network.probabilities[b]! - network.probabilities[a]!);
  const list = h("ol", { class: "prediction", "aria-label": "Most probable classes" });
  for (const c of order.slice(0, shownClasses)) {
    const share = network.probabilities[c]!;
    list.append(
      h("li", {},
        h("span", { class: "name" }, network.classes[c] ?? String(c)),
        h("span", { class: "share" }, showShare(share)),
        h("span", { class: "meter", "aria-hidden": "true" }, h("span", { style: `width:${100 * share}%` })),
      ),
    );
  }
  return list;
}

function switchView(network: Network, direction: Direction, onChange: (direction: Direction) => void): HTMLElement {
  const of = network.probabilities.length > 0 ? `the logit of “${network.classes[network.classIndex] ?? network.classIndex}”` : `channel ${network.classIndex} of the output`;
  const option = (value: Direction, label: string, detail: string) => {
    const input = h("input", { type: "radio", name: "direction", value, checked: value === direction, change: () => onChange(value) });
    return h("label", {}, input, h("span", {}, h("b", {}, label), h("small", {}, detail)));
  };
  const group = h("fieldset", { class: "switch" }, h("legend", {}, "Show"), option("values", "Forward", "what each layer computes"));
  if (hasGradients(network)) group.append(option("gradients", "Backward", `gradients of ${of}`));
  return group;
}

function search(network: Network, onOpen: (layer: number) => void): HTMLElement {
  const options = h("datalist", { id: "layers" }, ...network.layers.map((layer) => h("option", { value: layer.name })));
  const input = h("input", { type: "search", list: "layers", placeholder: "Find a layer", "aria-label": "Find a layer" });
  input.addEventListener("change", () => {
    const found = network.layers.find((layer) => layer.name === input.value) ?? network.layers.find((layer) => layer.name.includes(input.value));
    if (input.value !== "" && found) onOpen(found.index);
  });
  return h("div", { class: "search" }, input, options);
}

export interface HeaderActions {
  show: (direction: Direction) => void;
  open: (layer: number) => void;
}

export function headerView(network: Network, direction: Direction, actions: HeaderActions): HTMLElement {
  const total = network.layers.reduce((sum, layer) => sum + layer.parameters, 0).toLocaleString("en");
  const calibrated = network.temperature !== 1 ? ` · probabilities at temperature ${network.temperature.toPrecision(3)}` : "";
  return h("header", { class: "top" },
    h("img", { class: "photo", src: network.photo.uri, alt: "The photo as the network sees it" }),
    h("div", { class: "title" },
      h("h1", {}, network.title),
      h("p", {}, `${network.photo.name} · ${network.layers.length} layers · ${total} parameters${calibrated}`),
      search(network, actions.open),
    ),
    network.probabilities.length > 0 && prediction(network),
    switchView(network, direction, actions.show),
  );
}
