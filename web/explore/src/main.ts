// The page of `headstart explore`.
import { checkArithmetic, type CheckResult } from "./check";
import { onSchemeChange } from "./colour";
import { h } from "./dom";
import { graphView } from "./graph_view";
import { headerView } from "./header_view";
import { hasGradients, type Network, readNetwork } from "./network";
import { panelView, stateFor } from "./panel_view";
import { readAddress, type State, writeAddress } from "./state";
import style from "./style.css";

declare global {
  interface Window {
    headstart?: { network: Network; state: () => State; check: (samples: number, tolerance: number) => CheckResult };
  }
}

const narrow = matchMedia("(max-width: 899px)");

function start(network: Network): void {
  let state = readAddress(network);
  if (!hasGradients(network)) state.direction = "values";
  document.title = `${network.title} on ${network.photo.name}`;
  const holder = h("main", { class: "panel", "aria-label": "The chosen layer" });

  const remember = () => writeAddress(network, state);
  const drawPanel = () => {
    const focused = document.activeElement;
    const wasMap = holder.contains(focused) ? (focused as HTMLElement).dataset.channel : undefined;
    holder.replaceChildren(
      panelView(network, state, {
        open: (layer, channel) => open(layer, channel),
        change: (part) => {
          const channelChanged = part.channel !== undefined && part.channel !== state.channel;
          Object.assign(state, part);
          remember();
          if (channelChanged) drawPanel();
        },
      }).element,
    );
    if (wasMap) holder.querySelector<HTMLElement>(`.maps [data-channel="${wasMap}"]`)?.focus({ preventScroll: true });
  };
  const open = (layer: number, channel?: number) => {
    state = stateFor(network, state, layer, channel);
    graph.select(layer);
    drawPanel();
    holder.scrollTop = 0;
    remember();
  };
  const graph = graphView(network, (layer, byKey) => {
    open(layer);
    if (!byKey && narrow.matches) holder.scrollIntoView({ behavior: "smooth" });
  });
  const header = headerView(network, state.direction, {
    show: (direction) => {
      state.direction = direction;
      graph.redraw(direction);
      drawPanel();
      remember();
    },
    open: (layer) => open(layer),
  });
  document.body.append(h("div", { class: "app" }, header, graph.element, holder));
  graph.redraw(state.direction);
  graph.select(state.layer);
  drawPanel();
  onSchemeChange(() => {
    graph.redraw(state.direction);
    drawPanel();
  });
  window.headstart = {
    network,
    state: () => state,
    check: (samples, tolerance) => checkArithmetic(network, samples, tolerance),
  };
}

document.head.append(h("style", {}, style));
readNetwork().then(start, (error: unknown) => {
  document.body.append(h("p", { class: "failure" }, `This page cannot be shown: ${String(error)}. A browser from 2023 or later is needed.`));
});
