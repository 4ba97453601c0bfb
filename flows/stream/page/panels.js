// The tables of the page and the panels that show them. The tables live here, in the browser: sorting, filtering
// and scrolling ask nobody, and go on when the run has ended.
import { ready, worker } from "./perspective.js";

const POINTS = 30000;
const TYPES = { integer: "float" };
const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
const hasWebGL = !!document.createElement("canvas").getContext("webgl2");

let client = null;
let tables = new Map();
let viewers = [];
let shown = "";
let theme = "Pro Dark";

export const make = (tag, text, className) => {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
};

// Build the page anew where it has other panels than before.
export async function arrange(layout) {
  const wanted = JSON.stringify([layout.tables, layout.panels, layout.about.run]);
  if (wanted === shown) return;
  shown = wanted;
  await ready;
  client ??= await worker();
  const old = [...tables.values()];
  for (const viewer of viewers) await viewer.delete().catch(() => {});
  viewers = [];
  for (const id of ["figures", "main", "tabs", "shelf"]) document.getElementById(id).replaceChildren();
  for (const table of old) await table.delete().catch(() => {});
  tables = new Map();
  for (const [id, kinds] of Object.entries(layout.tables ?? {})) {
    const schema = Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [name, TYPES[kind] ?? kind]));
    const kind = "_key" in schema ? { index: "_key" } : { limit: POINTS };
    tables.set(id, await client.table(schema, { ...kind, name: `${layout.about.run}/${id}` }));
  }
  for (const panel of layout.panels ?? []) {
    if (panel.kind === "figures") addFigures(panel);
    else if (panel.place === "tab") addTab(panel);
    else await addPanel(panel);
  }
  const main = document.getElementById("main");
  main.dataset.panels = main.children.length;
  document.querySelector("#tabs button")?.click();
}

// Take in what has changed of a table: a length, a head of JSON, rows as Arrow.
export async function take(buffer) {
  const size = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size)));
  const rows = buffer.slice(4 + size);
  const table = tables.get(head.table);
  if (!table) return;
  if (head.whole) await table.clear();
  if (head.removed.length) await table.remove(head.removed);
  if (rows.byteLength) await table.update(rows);
}

export async function restyle(dark) {
  theme = dark ? "Pro Dark" : "Pro Light";
  for (const viewer of viewers) await viewer.restore({ theme });
}

// A panel has a head of its own; the viewer's is shown with its settings.
const bare = new CSSStyleSheet();
bare.replaceSync(":host(:not([settings])) regular-layout-frame::part(titlebar) { display: none !important; }");

async function show(element, panel) {
  const viewer = document.createElement("perspective-viewer");
  viewer.classList.add("live");
  element.append(viewer);
  viewers.push(viewer);
  const button = make("button", "⚙", "settings");
  button.type = "button";
  button.title = "Columns, order, filters, groups, plots";
  button.onclick = () => viewer.toggleConfig();
  viewer.panel = panel;
  element.append(button);
  const grid = { plugin: "Datagrid", plugin_config: { edit_mode: "READ_ONLY" } };
  const table = await tables.get(panel.table).get_name();
  await viewer.load(client);
  await viewer.restore({ table, ...(panel.config.plugin ? {} : grid), ...panel.config, theme, settings: false, title: null });
  viewer.shadowRoot.adoptedStyleSheets = [...viewer.shadowRoot.adoptedStyleSheets, bare];
}

function framed(panel) {
  const section = make("section", undefined, `panel ${panel.kind}`);
  section.dataset.step = panel.step;
  section.dataset.table = panel.table;
  const head = make("h2", panel.title);
  if (panel.kind === "chart") head.append(make("span", `time in ${zone}`, "zone"));
  head.append(make("span", "", "count"), make("span", "", "trouble"));
  const body = make("div", undefined, "body");
  section.append(head, body);
  return [section, body];
}

async function addPanel(panel) {
  const [section, body] = framed(panel);
  document.getElementById("main").append(section);
  if (panel.kind === "chart" && !hasWebGL)
    body.append(make("p", "This browser has no WebGL2, so plots can't be drawn. The tables are not affected.", "note"));
  else await show(body, panel);
}

function addTab(panel) {
  const tab = make("button", panel.title);
  tab.type = "button";
  tab.role = "tab";
  tab.dataset.step = panel.step;
  const [section, body] = framed(panel);
  section.hidden = true;
  document.getElementById("shelf").append(section);
  document.getElementById("tabs").append(tab);
  tab.onclick = async () => {
    for (const other of document.querySelectorAll("#tabs button")) other.ariaSelected = String(other === tab);
    for (const other of document.getElementById("shelf").children) other.hidden = other !== section;
    if (!body.childElementCount) await show(body, panel);
  };
}

function addFigures(panel) {
  const section = make("section", undefined, "figures");
  section.dataset.step = panel.step;
  section.dataset.table = panel.table;
  const head = make("h2", panel.title);
  head.append(make("span", "", "trouble"));
  section.append(head);
  section.show = [];
  for (const figure of panel.figures) {
    const box = make("div", undefined, figure.main ? "figure main" : "figure");
    const value = make("b", "–");
    const unit = make("small", "");
    const line = make("p");
    line.append(value, unit);
    box.append(make("span", figure.label), line);
    section.append(box);
    const numbers = new Intl.NumberFormat(navigator.languages, figure.digits);
    section.show.push((row) => {
      const number = row?.[figure.column];
      const isThere = number !== null && number !== undefined;
      const isTrade = figure.form === "trade";
      if (isTrade && isThere)
        value.textContent = number ? `${number < 0 ? "SELL" : "BUY"} ${numbers.format(Math.abs(number))}` : "none";
      else value.textContent = isThere ? numbers.format(number) : "–";
      unit.textContent = (figure.unit && isThere && (!isTrade || number) && row[figure.unit]) || "";
      box.classList.toggle("sells", isTrade && number < 0);
      box.classList.toggle("buys", isTrade && number > 0);
    });
  }
  document.getElementById("figures").append(section);
}

// Bars are drawn against the largest number of their column, which the viewer has to be told.
async function rescale(scales) {
  for (const viewer of viewers) {
    const wanted = scales[viewer.panel.table];
    if (!wanted || JSON.stringify(wanted) === viewer.scales) continue;
    viewer.scales = JSON.stringify(wanted);
    const styles = (await viewer.save()).columns_config ?? {};
    for (const [name, most] of Object.entries(wanted)) styles[name] = { ...styles[name], fg_gradient: most };
    await viewer.restore({ columns_config: styles });
  }
}

// Figures, counts of rows, and which steps aren't well.
export async function state(message) {
  for (const section of document.querySelectorAll("section.figures"))
    for (const show of section.show) show(message.figures[section.dataset.table]);
  for (const element of document.querySelectorAll("[data-step]")) {
    const trouble = message.troubled[element.dataset.step] ?? "";
    element.classList.toggle("unwell", !!trouble);
    const place = element.querySelector("h2 .trouble");
    if (place) place.textContent = trouble.split("\n")[0];
    else element.title = trouble;
    const [rows, some] = message.rows[element.dataset.table] ?? [];
    const count = element.querySelector("h2 .count");
    if (count && rows !== undefined)
      count.textContent = some < rows ? `${some.toLocaleString()} of ${rows.toLocaleString()}` : rows.toLocaleString();
  }
  await rescale(message.scales);
}
