
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const narrow = window.matchMedia("(max-width: 40rem)");

// Tables: sorted by the button in a heading, filtered by words and by exact levels.

function sortBy(table, heading) {
  const column = heading.cellIndex;
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of heading.parentElement.cells) other.setAttribute("aria-sort", "none");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const rows = [...table.tBodies[0].rows].map((row, index) => [row.cells[column].dataset.value, index, row]);
  const number = rows.every(([value]) => value === "" || !isNaN(Number(value)));
  rows.sort(([a, i], [b, j]) => {
    // Unknown values stay last in both directions.
    if ((a === "") !== (b === "")) return a === "" ? 1 : -1;
    const order = number ? Number(a) - Number(b) : a.localeCompare(b, "en");
    return (down ? -order : order) || i - j;
  });
  table.tBodies[0].append(...rows.map(([, , row]) => row));
}

function filter(block) {
  const rows = [...block.querySelector("tbody").rows];
  const words = block.querySelector("input").value.toLowerCase().split(/\s+/).filter(Boolean);
  const levels = [...block.querySelectorAll("select")].filter((select) => select.value !== "");
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    const cell = (select) => row.cells[Number(select.dataset.column)].dataset.text;
    row.hidden = !words.every((word) => text.includes(word)) || !levels.every((select) => cell(select) === select.value);
  }
  const shown = rows.filter((row) => !row.hidden).length;
  block.querySelector("output").textContent = `${shown} of ${rows.length} rows`;
}

for (const block of document.querySelectorAll(".block")) {
  const table = block.querySelector("table");
  for (const button of table.querySelectorAll("thead button"))
    button.addEventListener("click", () => sortBy(table, button.parentElement));
  if (block.querySelector("input")) {
    block.querySelector("input").addEventListener("input", () => filter(block));
    for (const select of block.querySelectorAll("select")) select.addEventListener("change", () => filter(block));
    filter(block);
  }
}

// Curves: a line and a band for each variant whose levels are all chosen.

const choices = document.getElementById("choices");

function chosenLines() {
  const chosen = new Map(
    data.factors.map(({ name }) => [
      name,
      new Set([...choices.querySelectorAll("input")].filter((box) => box.name === name && box.checked).map((box) => box.value)),
    ])
  );
  return data.lines.filter((line) => data.factors.every(({ name }) => chosen.get(name).has(line.levels[name])));
}

function faded(colour) {
  const part = (start) => parseInt(colour.slice(start, start + 2), 16);
  return `rgba(${part(1)}, ${part(3)}, ${part(5)}, 0.16)`;
}

// The factors in which lines differ; the legend leaves out what all of them have in common.
function differing(lines) {
  const names = data.factors.map(({ name }) => name);
  const varied = names.filter((name) => new Set(lines.map((line) => line.levels[name])).size > 1);
  return varied.length ? varied : names.slice(0, 1);
}

const named = (line, factors) => factors.map((factor) => line.names[factor]).join(" ");

function traces(line, score, label) {
  const look = data.looks[line.look];
  const colour = dark.matches ? look.on_dark : look.colour;
  const band = line.bands[score.name];
  const ends = band.step.map((step, index) => [step, band.low[index], band.high[index]]).filter(([, low]) => low !== null);
  const back = [...ends].reverse();
  return [
    {
      x: [...ends, ...back].map(([step]) => step),
      y: [...ends.map(([, low]) => low), ...back.map(([, , high]) => high)],
      type: "scatter", mode: "none", fill: "toself", fillcolor: faded(colour), hoverinfo: "skip",
      legendgroup: line.variant, showlegend: false, name: line.variant,
    },
    {
      x: band.step, y: band.mean, name: label, legendgroup: line.variant, type: "scatter", mode: "lines+markers",
      line: { color: colour, dash: line.dash, width: 2 },
      marker: { symbol: look.symbol, size: 8, color: colour, maxdisplayed: 8, opacity: 1, line: { width: 0 } },
      hovertemplate: `%{x} steps: %{y:${score.share ? ".1%" : ".4g"}}<extra>${label}</extra>`,
    },
  ];
}

// The range of the vertical axis leaves out the untrained network, far below the rest; a double click shows all.
function yRange(lines, score) {
  const bands = lines.map((line) => line.bands[score.name]);
  const seen = bands.flatMap(({ step, mean, low, high }) => [mean, low, high].flatMap((y) => y.filter((v, i) => v !== null && step[i] > 0)));
  if (score.name === "val_accuracy" && data.target !== null) seen.push(data.target);
  if (!score.share || !seen.length) return undefined;
  const [least, most] = [Math.min(...seen), Math.max(...seen)];
  const margin = 0.05 * (most - least) || 0.05;
  return [least - margin, Math.min(most + margin, 1.02)];
}

function layout(score, lines) {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  const axis = { gridcolor: of("--line"), zerolinecolor: of("--line"), linecolor: of("--muted"), automargin: true };
  const target = score.name === "val_accuracy" && data.target !== null;
  return {
    paper_bgcolor: "rgba(0, 0, 0, 0)", plot_bgcolor: "rgba(0, 0, 0, 0)",
    font: { color: of("--text"), size: 13, family: getComputedStyle(document.body).fontFamily },
    margin: { l: 10, r: 10, t: narrow.matches ? 10 : 40, b: 10 },
    hoverlabel: { bgcolor: of("--soft"), font: { color: of("--text") }, namelength: -1 },
    modebar: { bgcolor: "rgba(0, 0, 0, 0)", color: of("--muted"), activecolor: of("--accent") },
    xaxis: { ...axis, title: { text: "steps" } },
    yaxis: {
      ...axis, title: { text: score.words }, tickformat: score.share ? ".0%" : undefined,
      range: yRange(lines, score), type: !score.share && choices.elements.logarithmic.checked ? "log" : "linear",
    },
    legend: narrow.matches ? { orientation: "h", x: 0, xanchor: "left", y: -0.25, yanchor: "top" } : { x: 1.01, y: 1 },
    // On a phone a finger on the plot scrolls the page.
    dragmode: narrow.matches ? false : "zoom", showlegend: true,
    shapes: target
      ? [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: data.target, y1: data.target, line: { color: of("--muted"), width: 1, dash: "dot" } }]
      : [],
    annotations: [
      ...(target
        ? [{ text: "target", xref: "paper", x: 1, y: data.target, xanchor: "right", yanchor: "top", showarrow: false, font: { color: of("--muted"), size: 12 } }]
        : []),
      // Part of the plot, so that a picture saved from it carries the mark too.
      ...(data.mark
        ? [{ text: data.mark, xref: "paper", yref: "paper", x: 0.5, y: 0.5, showarrow: false, opacity: 0.3, font: { color: of("--worst"), size: 40 } }]
        : []),
    ],
  };
}

const BUTTONS = ["toImage", "zoom2d", "pan2d", "zoomIn2d", "zoomOut2d", "resetScale2d"];

function draw() {
  const score = data.scores.find(({ name }) => name === choices.elements.score.value);
  choices.elements.logarithmic.disabled = score.share;
  const lines = chosenLines();
  const drawn = lines.filter((line) => line.bands[score.name].step.length);
  const missing = lines.length - drawn.length;
  const factors = differing(drawn);
  const common = data.factors.map(({ name }) => name).filter((name) => !factors.includes(name));
  const all = drawn.length && common.length ? `, all with ${named(drawn[0], common)}` : "";
  const status = `${drawn.length} of ${data.lines.length} variants shown${all}: mean and 95 % interval over seeds`;
  document.getElementById("plot-status").textContent = missing ? `${status}; of ${missing} chosen no run finished` : status;
  const config = { responsive: true, displaylogo: false, displayModeBar: !narrow.matches, modeBarButtons: [BUTTONS] };
  return Plotly.react("plot", drawn.flatMap((line) => traces(line, score, named(line, factors))), layout(score, drawn), config);
}

choices.addEventListener("change", draw);
choices.addEventListener("submit", (event) => event.preventDefault());
dark.addEventListener("change", draw);
narrow.addEventListener("change", draw);
draw();
