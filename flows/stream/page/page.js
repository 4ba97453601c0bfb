// The page's frame: the websocket, the header, what is wrong, what was told.
import { arrange, make, restyle, state, take } from "./panels.js";

const LINES = 300;
const at = (id) => document.getElementById(id);
const root = document.documentElement;

let socket = null;
let last = null;
let ended = null;
let mode = "live";
let tries = 0;
let work = Promise.resolve();

function condition(kind, text) {
  root.dataset.condition = kind;
  at("condition").textContent = text;
  document.title = `${text} · ${at("pipeline").textContent || "Hedgerow"}`;
}

function notice(text) {
  at("notice").textContent = text;
  at("notice").hidden = !text;
}

const handlers = {
  async layout(message) {
    for (const name of ["pipeline", "description", "desk", "session", "run"]) at(name).textContent = message.about[name] ?? "";
    mode = message.about.mode ?? "live";
    ended = null;
    notice("");
    condition("waiting", "waiting");
    await arrange(message);
  },
  async state(message) {
    last = message;
    at("clock").textContent = message.now.slice(11);
    at("clock").title = message.now;
    at("firing").textContent = message.firing.toLocaleString();
    at("troubles").replaceChildren(...message.troubles.map(trouble));
    if (!ended) {
      if (message.troubles.length) condition("stale", "not up to date");
      else if (message.quiet > 10) condition("quiet", `quiet ${message.quiet} s`);
      else condition(mode, mode);
    }
    await state(message);
  },
  told(message) {
    const list = at("told");
    if (message.all) list.replaceChildren();
    for (const line of message.lines) {
      const item = make("li", undefined, line.level);
      item.append(make("time", line.at), make("b", line.name), make("span", line.text));
      list.prepend(item);
    }
    while (list.childElementCount > LINES) list.lastChild.remove();
  },
  ended(message) {
    ended = message;
    condition("ended", `ended: ${message.how}`);
    notice(`The run has ended (${message.how}) at ${last?.now.slice(11) ?? "its beginning"}; this is its last state. ${message.why}`);
  },
};

function trouble(each) {
  const item = make("li");
  item.append(make("b", each.why), make("span", `since ${each.since}`));
  if (each.last) item.append(make("span", `last at ${each.last}`));
  item.append(make("span", `concerns ${each.names.join(", ")}`, "names"));
  return item;
}

function connect() {
  socket = new WebSocket(new URL("live", location.href).href.replace(/^http/, "ws"));
  socket.binaryType = "arraybuffer";
  socket.onopen = () => (tries = 0);
  // One after the other, in the order in which they were sent.
  socket.onmessage = ({ data }) => {
    work = work
      .then(() => {
        if (typeof data !== "string") return take(data);
        const message = JSON.parse(data);
        return handlers[message.type]?.(message);
      })
      .catch((error) => console.error(error));
  };
  socket.onclose = () => {
    work = work.then(() => {
      if (!ended) {
        condition("lost", "no connection");
        notice(`The run doesn't answer: what is shown is of ${last?.now.slice(11) ?? "no moment yet"}.`);
      }
    });
    setTimeout(connect, Math.min(500 * 2 ** tries++, 5000));
  };
}

const chosen = localStorage.getItem("theme");
const prefers = matchMedia("(prefers-color-scheme: dark)");
function paint(dark) {
  root.dataset.theme = dark ? "dark" : "light";
  work = work.then(() => restyle(dark));
}
prefers.onchange = () => localStorage.getItem("theme") || paint(prefers.matches);
at("theme").onclick = () => {
  const dark = root.dataset.theme !== "dark";
  localStorage.setItem("theme", dark ? "dark" : "light");
  paint(dark);
};
paint(chosen ? chosen === "dark" : prefers.matches);
connect();
