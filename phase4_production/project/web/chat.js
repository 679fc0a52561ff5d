// The chat page: one conversation, kept in this browser, answered by the server that sent the page.

const $ = (id) => document.getElementById(id);
const KEPT = "llm-from-zero-chat";
const SETTINGS = ["system", "temperature", "max-tokens", "colours"];
const TOP = 3; // alternatives that a token's tooltip shows

let turns = []; // {role, content, tokens: [{text, p, others}], figures}
let model = null; // {id, chat}
let answering = null; // the AbortController of the answer under way

// -- keeping ---------------------------------------------------------------------------------------

function keep() {
  const settings = Object.fromEntries(
    SETTINGS.map((id) => [id, $(id).type === "checkbox" ? $(id).checked : $(id).value]),
  );
  try {
    localStorage.setItem(KEPT, JSON.stringify({ turns, settings }));
  } catch {
    $("error").textContent = "The browser's storage is full: this conversation is not kept.";
  }
}

function restore() {
  let kept;
  try {
    kept = JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    kept = {};
  }
  for (const [id, value] of Object.entries(kept.settings ?? {})) {
    if (!SETTINGS.includes(id)) continue;
    if ($(id).type === "checkbox") $(id).checked = value;
    else $(id).value = value;
  }
  turns = kept.turns ?? [];
  turns.forEach(show);
  $("key").value = sessionStorage.getItem(KEPT) ?? "";
}

// -- showing ---------------------------------------------------------------------------------------

function show(turn) {
  const article = document.createElement("article");
  article.className = `turn ${turn.role}`;
  const heading = document.createElement("h2");
  heading.textContent = turn.role === "user" ? "You" : "Model";
  const body = document.createElement("div");
  if (turn.tokens?.length) turn.tokens.forEach((token) => body.append(tokenSpan(token)));
  else body.textContent = turn.content;
  const figures = document.createElement("p");
  figures.className = "figures";
  figures.textContent = turn.figures ?? "";
  article.append(heading, body, figures);
  $("log").append(article);
  scrollDown();
  return { body, figures };
}

function tokenSpan({ text, p, others }) {
  const span = document.createElement("span");
  span.className = "token";
  span.textContent = text;
  if (p !== undefined) {
    paint(span, p);
    span.title = [percent(p), ...(others ?? []).map((o) => `${JSON.stringify(o.text)} ${percent(o.p)}`)].join("\n");
  }
  return span;
}

// The less likely a token was, the more colour: none at 1, all of it at 1 in 1,000.
function paint(span, p) {
  const share = Math.min(1, -Math.log10(Math.max(p, 1e-3)) / 3);
  span.style.setProperty("--surprise-share", String(Math.round(100 * share)));
}

const percent = (p) => `${(100 * p).toPrecision(2)} %`;

function scrollDown() {
  $("log").scrollTop = $("log").scrollHeight;
}

function colour() {
  $("log").classList.toggle("coloured", $("colours").checked);
  $("legend").hidden = !$("colours").checked;
}

function busy(is) {
  $("send").hidden = is;
  $("stop").hidden = !is;
  $("new").disabled = is;
  // A screen reader is told the answer once, when it is whole, and not at every token.
  $("log").setAttribute("aria-busy", String(is));
}

// -- asking ----------------------------------------------------------------------------------------

function headers() {
  const found = { "Content-Type": "application/json" };
  if ($("key").value) found.Authorization = `Bearer ${$("key").value}`;
  return found;
}

function request(question) {
  const common = {
    model: model.id,
    temperature: Number($("temperature").value),
    max_tokens: Number($("max-tokens").value) || 200,
    stream: true,
    stream_options: { include_usage: true },
  };
  if (!model.chat) return ["/v1/completions", { ...common, prompt: question, logprobs: TOP }];
  const system = $("system").value.trim();
  const messages = turns.map(({ role, content }) => ({ role, content }));
  if (system) messages.unshift({ role: "system", content: system });
  return ["/v1/chat/completions", { ...common, messages, logprobs: true, top_logprobs: TOP }];
}

async function ask(question) {
  $("error").textContent = "";
  turns.push({ role: "user", content: question });
  const asked = show(turns.at(-1));
  keep();
  const turn = { role: "assistant", content: "", tokens: [], figures: "" };
  const { body, figures } = show(turn);
  const clock = { asked: performance.now(), first: null, last: null, n: 0, decoder: new TextDecoder() };
  answering = new AbortController();
  busy(true);
  $("status").textContent = "Waiting for the first token";
  let note = "", failed = false;
  try {
    const [path, sent] = request(question);
    const response = await fetch(path, {
      method: "POST", headers: headers(), body: JSON.stringify(sent), signal: answering.signal,
    });
    if (!response.ok) throw new Error(await reason(response));
    for await (const event of eventsOf(response.body)) {
      if (event.error) throw new Error(event.error.message);
      if (event.usage) clock.n = event.usage.completion_tokens;
      for (const choice of event.choices ?? []) take(turn, body, choice, clock);
      figures.textContent = told(clock);
    }
  } catch (error) {
    if (error.name === "AbortError") note = " · stopped";
    else $("error").textContent = error.message;
    failed = true;
  }
  turn.figures = figures.textContent = told(clock) + note;
  $("status").textContent = turn.figures;
  if (turn.content || !failed) turns.push(turn);
  else {
    // Without an answer the question is still to be asked.
    turns.pop();
    for (const element of [asked.body, body]) element.parentElement.remove();
    $("question").value = question;
  }
  answering = null;
  busy(false);
  keep();
  $("question").focus();
}

function take(turn, body, choice, clock) {
  const text = choice.delta?.content ?? choice.text ?? "";
  turn.content += text;
  const tokens = tokensOf(choice, clock);
  if (text || tokens.length) {
    clock.last = performance.now();
    clock.first ??= clock.last;
    clock.n += Math.max(tokens.length, text ? 1 : 0);
  }
  for (const token of tokens.length ? tokens : text ? [{ text }] : []) {
    turn.tokens.push(token);
    body.append(tokenSpan(token));
  }
  scrollDown();
}

// Both APIs say log-probabilities, each in its own way. A token may be part of a character; the one
// that completes it shows it.
function tokensOf({ logprobs }, clock) {
  if (logprobs?.content) {
    return logprobs.content.map((t) => ({
      text: clock.decoder.decode(new Uint8Array(t.bytes), { stream: true }),
      p: Math.exp(t.logprob),
      others: t.top_logprobs.map((o) => ({ text: o.token, p: Math.exp(o.logprob) })),
    }));
  }
  return (logprobs?.tokens ?? []).map((text, i) => ({
    text,
    p: Math.exp(logprobs.token_logprobs[i]),
    others: Object.entries(logprobs.top_logprobs[i]).map(([t, value]) => ({ text: t, p: Math.exp(value) })),
  }));
}

function told({ asked, first, last, n }) {
  if (first === null) return "";
  const rate = n > 1 && last > first ? ` · ${((1000 * (n - 1)) / (last - first)).toFixed(1)} tokens/s` : "";
  return `first token after ${Math.round(first - asked)} ms${rate} · ${n} tokens`;
}

async function reason(response) {
  try {
    const { error } = await response.json();
    return response.status === 401 ? `${error.message} (Settings, API key)` : error.message;
  } catch {
    return `the server answered ${response.status}`;
  }
}

// Server-sent events: blocks with a blank line between them; a block may come in several pieces.
async function* eventsOf(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").filter((l) => l.startsWith("data:")).map((l) => l.slice(5).trimStart()).join("\n");
      if (data && data !== "[DONE]") yield JSON.parse(data);
    }
  }
}

async function meet() {
  try {
    const response = await fetch("/v1/models", { headers: headers() });
    if (!response.ok) throw new Error(await reason(response));
    [model] = (await response.json()).data;
  } catch (error) {
    $("error").textContent = `No model: ${error.message}`;
    $("send").disabled = true;
    return;
  }
  $("error").textContent = "";
  $("send").disabled = false;
  $("model").textContent = document.title = model.id;
  $("kind").textContent = model.chat ? "" : "continues your text: it was not taught to answer";
  $("system").disabled = !model.chat;
  const most = Math.floor(model.max_model_len / 2);
  $("max-tokens").max = model.max_model_len;
  $("max-tokens").value = Math.min(Number($("max-tokens").value), most);
}

// -- events ----------------------------------------------------------------------------------------

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const question = $("question").value;
  if (!question.trim() || answering || !model) return;
  $("question").value = "";
  ask(question);
});
$("question").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    $("form").requestSubmit();
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") answering?.abort();
});
$("stop").addEventListener("click", () => answering?.abort());
$("new").addEventListener("click", () => {
  turns = [];
  $("log").replaceChildren();
  $("status").textContent = $("error").textContent = "";
  keep();
  $("question").focus();
});
$("settings").addEventListener("input", () => {
  $("temperature-told").textContent = Number($("temperature").value).toFixed(1);
  colour();
  keep();
});
$("key").addEventListener("change", () => {
  sessionStorage.setItem(KEPT, $("key").value);
  meet();
});

restore();
document.querySelectorAll("#legend .token").forEach((span) => paint(span, Number(span.dataset.p)));
$("temperature-told").textContent = Number($("temperature").value).toFixed(1);
colour();
meet();
