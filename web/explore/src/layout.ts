// Places for the layers, from inputs at the top to outputs at the bottom.
import { Graph, layout } from "@dagrejs/dagre";
import { curveMonotoneY, line } from "d3-shape";
import type { Network } from "./network";

export const cardWidth = 340;
export const cardHeight = 66;

// Beyond it the exact ranking takes seconds.
const manyLayers = 300;

export interface Place {
  x: number; // of the card's upper left corner
  y: number;
}

export interface GraphLayout {
  width: number;
  height: number;
  places: Place[];
  edges: { from: number; to: number; path: string }[];
}

export function placeLayers(network: Network): GraphLayout {
  const graph = new Graph({ multigraph: false });
  const ranker = network.layers.length > manyLayers ? "longest-path" : "network-simplex";
  graph.setGraph({ rankdir: "TB", nodesep: 28, ranksep: 30, edgesep: 18, marginx: 12, marginy: 14, ranker });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const layer of network.layers) {
    graph.setNode(String(layer.index), { width: cardWidth, height: cardHeight });
    for (const input of layer.inputs) graph.setEdge(String(input), String(layer.index));
  }
  layout(graph);
  const path = line<{ x: number; y: number }>()
    .x((point) => point.x)
    .y((point) => point.y)
    .curve(curveMonotoneY);
  const label = graph.graph() as { width?: number; height?: number };
  return {
    width: label.width ?? 0,
    height: label.height ?? 0,
    places: network.layers.map((layer) => {
      const node = graph.node(String(layer.index)) as { x: number; y: number };
      return { x: node.x - cardWidth / 2, y: node.y - cardHeight / 2 };
    }),
    edges: graph.edges().map((edge) => {
      const { points } = graph.edge(edge) as { points: { x: number; y: number }[] };
      return { from: Number(edge.v), to: Number(edge.w), path: path(points) ?? "" };
    }),
  };
}
