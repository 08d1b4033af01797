// The search page: a picture (dropped, pasted, picked, or a product's own) -> POST /v1/search -> cards.
// Whatever the server says enters the page as text, never as markup.

const KEY_NAME = "vitrine-key"; // In sessionStorage: for as long as the tab is open.
const RESULT_LIMIT = 24;
const EXAMPLE_LIMIT = 12;

const MATCH_HINTS = {
  exact: "This product is in the catalogue.",
  similar: "Close matches.",
  weak: "Only loosely alike.",
  none: "Nothing here truly looks like it; these come nearest.",
};

const byId = (id) => document.getElementById(id);
const percent = new Intl.NumberFormat(undefined, { style: "percent" });

let pending = new AbortController();

// ---- the server ----

/** An RFC 9457 answer, or one of our own making where no answer came. */
class Problem extends Error {
  constructor({ title, detail, code, status = 0, request_id: requestId }) {
    super(title);
    // A 4xx says the same however often it is asked, except "too slow" and "too many".
    const mayRepeat = status < 400 || status >= 500 || status === 408 || status === 429;
    Object.assign(this, { detail: typeof detail === "string" ? detail : "", code, requestId, mayRepeat, status });
  }
}

function withKey(url, options) {
  const key = sessionStorage.getItem(KEY_NAME);
  return key && url.startsWith("/v1/") ? { ...options, headers: { Authorization: `Bearer ${key}` } } : options;
}

async function request(url, options) {
  const response = await fetch(url, withKey(url, options)).catch((error) => {
    if (error.name === "AbortError") throw error;
    const detail = "Check your connection, and that the service is running. If you chose a file, check that it can still be read.";
    throw new Problem({ title: "No answer came", detail });
  });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  throw new Problem({ title: `The service answered ${response.status}`, status: response.status, ...problem });
}

const getJson = async (url, options) => (await request(url, options)).json();

const firstImageUrl = (product) => product.images?.find((image) => image.url)?.url;
async function fetchPicture(imageUrl, name, signal) {
  return { blob: await (await request(imageUrl, { signal })).blob(), name };
}

async function fetchProductPicture(productId, signal) {
  const product = await getJson(`/v1/products/${encodeURIComponent(productId)}`, { signal });
  const name = product.title || productId;
  const imageUrl = firstImageUrl(product);
  if (!imageUrl) throw new Problem({ title: "Nothing to search by", detail: `“${name}” has no picture.`, status: 404 });
  return fetchPicture(imageUrl, name, signal);
}

function postSearch({ blob, name }, signal) {
  const form = new FormData();
  form.append("file", blob, name);
  form.append("limit", RESULT_LIMIT);
  return getJson("/v1/search", { method: "POST", body: form, signal });
}

// ---- searching ----

async function search(loadPicture) {
  pending.abort();
  pending = new AbortController();
  const { signal } = pending;
  showLoading();
  try {
    const picture = await loadPicture(signal);
    signal.throwIfAborted();
    showQuery(picture);
    const answer = await postSearch(picture, signal);
    signal.throwIfAborted();
    showAnswer(answer);
  } catch (error) {
    if (!signal.aborted) showProblem(error, () => search(loadPicture));
  }
}

function searchByFile(file) {
  history.pushState(null, "", location.pathname);
  search(async () => ({ blob: file, name: file.name || "Pasted picture" }));
}

function searchByProduct(productId, loadPicture) {
  history.pushState(null, "", `?product=${encodeURIComponent(productId)}`);
  search(loadPicture);
}

/** Shows what the address asks for: links can be shared, and Back works. */
function followAddress() {
  const productId = new URLSearchParams(location.search).get("product");
  if (productId) search((signal) => fetchProductPicture(productId, signal));
  else showStart();
}

// ---- the views: start | loading | results | stopped ----

function setView(view) {
  document.body.dataset.view = view;
  byId("results").setAttribute("aria-busy", String(view === "loading"));
  byId("notice").hidden = true;
}

function announce(text) {
  byId("status").textContent = text;
}

function showStart() {
  pending.abort();
  setView("start");
  clearQuery();
  announce("");
}

function showLoading() {
  setView("loading");
  clearQuery();
  announce("Searching…");
  byId("results-title").textContent = "Searching…";
  for (const id of ["match-hint", "degraded"]) byId(id).textContent = "";
  byId("cards").replaceChildren(...Array.from({ length: RESULT_LIMIT }, () => instantiate("skeleton-template").root));
  // The button that began this may have just left the page, and the keyboard's place with it.
  byId("results-title").focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function clearQuery() {
  document.title = "Vitrine · search by picture";
  URL.revokeObjectURL(byId("query-picture").src);
  byId("query-picture").removeAttribute("src");
  byId("query-name").textContent = "";
  byId("timing").hidden = true;
}

function showQuery({ blob, name }) {
  document.title = `${name} · Vitrine`;
  byId("query-name").textContent = name;
  showPicture(byId("query-picture"), URL.createObjectURL(blob));
}

function showAnswer(answer) {
  const count = answer.results.length;
  if (count === 0) {
    showNotice("stopped", { title: "Nothing found", detail: "No product in the catalogue looks like this picture." });
  } else {
    setView("results");
    byId("results-title").textContent = count === 1 ? "1 product" : `${count} products`;
    byId("match-hint").textContent = matchHint(answer);
    byId("cards").replaceChildren(...answer.results.map(resultCard));
    announce(`${byId("results-title").textContent} found. ${matchHint(answer)}`);
  }
  byId("degraded").textContent = (answer.degraded ?? []).map(inWords).join(" · ");
  showTimings(answer.took_ms, answer.timings ?? {});
}

function matchHint({ match, image_id: queryImageId, results: [best] }) {
  if (queryImageId && best.image_id === queryImageId) return "This very picture is in the catalogue.";
  return MATCH_HINTS[match] ?? `The nearest is ${percent.format(share(best.similarity))} alike.`;
}

function showTimings(tookMs, timings) {
  const stages = Object.entries(timings).filter(([, ms]) => typeof ms === "number");
  byId("timing").hidden = false;
  byId("took").textContent = `Answered in ${milliseconds(tookMs)}`;
  byId("stages").replaceChildren(...stages.map(([name, ms]) => {
    const { root, slots } = instantiate("stage-template");
    slots.name.textContent = inWords(name);
    slots.ms.textContent = milliseconds(ms);
    slots.fill.style.width = `${100 * Math.min(1, ms / tookMs)}%`;
    return root;
  }));
}

function showProblem(error, retry) {
  const problem = error instanceof Problem ? error : new Problem({ title: "The page could not show this", detail: error.message });
  const view = byId("query-picture").hasAttribute("src") ? "stopped" : "start";
  showNotice(view, { title: problem.message, ...problem, retry: problem.mayRepeat ? retry : null });
  if (problem.status === 401 || problem.status === 403) askForKey(problem, retry);
}

/** Lets the notice take a key, and goes on with it. */
function askForKey({ status, detail }, retry) {
  const tried = sessionStorage.getItem(KEY_NAME);
  byId("notice-title").textContent = "This service asks for a key";
  byId("notice-detail").textContent = status === 403 ? detail : tried ? "The key is not known." : "Whoever runs it can give you one that opens searches.";
  byId("key-form").hidden = false;
  byId("key-form").onsubmit = (event) => {
    event.preventDefault();
    sessionStorage.setItem(KEY_NAME, byId("key").value);
    byId("key").value = "";
    retry();
    showShop();
  };
}

function showNotice(view, { title, detail, code, requestId, retry }) {
  setView(view);
  announce("");
  byId("notice-title").textContent = title;
  byId("notice-detail").textContent = detail;
  byId("notice-code").textContent = [code, requestId && `request ${requestId}`].filter(Boolean).join(" · ");
  byId("notice-retry").hidden = !retry;
  byId("notice-retry").onclick = retry;
  byId("key-form").hidden = true;
  byId("notice").hidden = false;
}

async function showIndex() {
  const index = await getJson("/v1/index");
  const builtAt = new Date(index.built_at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  byId("index-line").textContent = `${index.products.toLocaleString()} products · ${index.bundle.name} · indexed ${builtAt}`;
  byId("index-line").title = `${index.version}, ${index.index_factory}, bundle ${index.bundle.version}, ${index.bundle.dim} dimensions`;
}

async function showExamples() {
  const { products } = await getJson(`/v1/products?limit=${EXAMPLE_LIMIT}`);
  byId("example-list").replaceChildren(...products.filter(firstImageUrl).map(exampleTile));
  byId("examples").hidden = byId("example-list").children.length === 0;
}

function showShop() {
  showExamples().catch(() => {}); // A courtesy; what is wrong shows below, and on searching.
  showIndex().catch((error) => {
    if (document.body.dataset.view === "start" && byId("notice").hidden) showProblem(error, () => location.reload());
  });
}

// ---- the pieces ----

function instantiate(templateId) {
  const root = byId(templateId).content.firstElementChild.cloneNode(true);
  const slots = Object.fromEntries([...root.querySelectorAll("[data-slot]")].map((slot) => [slot.dataset.slot, slot]));
  return { root, slots };
}

function showPicture(img, url) {
  const markMissing = (missing) => img.closest(".frame").classList.toggle("without-picture", missing);
  markMissing(!url);
  img.onerror = () => markMissing(true);
  if (url) img.src = url;
}

function exampleTile(product) {
  const { root, slots } = instantiate("example-template");
  showPicture(slots.picture, firstImageUrl(product));
  slots.button.setAttribute("aria-label", `Search by ${product.title || product.id}`);
  slots.button.onclick = () => searchByProduct(product.id, (signal) => fetchProductPicture(product.id, signal));
  return root;
}

function resultCard({ product_id: productId, similarity, image_url: imageUrl, product }) {
  const { root, slots } = instantiate("card-template");
  const { brand, category, availability, url } = product ?? {};
  const title = product?.title || productId;
  showPicture(slots.picture, imageUrl);
  slots.similar.hidden = !imageUrl;
  slots.similar.setAttribute("aria-label", `Find similar to ${title}`);
  slots.similar.onclick = () => searchByProduct(productId, (signal) => fetchPicture(imageUrl, title, signal));
  slots.similarity.title = `Cosine similarity ${similarity.toFixed(3)}`;
  slots.fill.style.width = `${100 * share(similarity)}%`;
  slots.percent.textContent = percent.format(share(similarity));
  slots.title.textContent = title;
  // A catalogue is not trusted to keep "javascript:" out of its links.
  if (/^https?:\/\//i.test(url ?? "")) slots.title.href = url;
  slots.kind.textContent = [brand, category].filter(Boolean).join(" · ");
  slots.price.textContent = price(product ?? {});
  slots.availability.textContent = inWords(availability ?? "");
  slots.availability.classList.toggle("in-stock", /^in.?stock$/i.test(availability ?? ""));
  return root;
}

const inWords = (name) => name.replaceAll("_", " ");
const share = (cosine) => Math.min(1, Math.max(0, cosine));
const milliseconds = (ms) => `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;

function price({ price: amount, currency }) {
  if (amount == null) return "";
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(amount);
  } catch {
    return [amount, currency].filter(Boolean).join(" "); // No currency, or not an ISO 4217 code.
  }
}

// ---- ways in ----

function acceptFrom(event) {
  byId("drop-overlay").hidden = true;
  const [file] = event.dataTransfer?.files ?? event.clipboardData.files;
  if (!file) return; // Pasted text, or a dragged link: the browser's own business.
  event.preventDefault();
  searchByFile(file);
}

function listenForPictures() {
  const overlay = byId("drop-overlay");
  for (const button of document.querySelectorAll("[data-pick]")) button.onclick = () => byId("file").click();
  byId("file").onchange = ({ target }) => {
    if (target.files[0]) searchByFile(target.files[0]);
    target.value = ""; // The same file may be chosen again.
  };
  document.addEventListener("paste", acceptFrom);
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    overlay.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) overlay.hidden = true; // Null only on leaving the window.
  });
  document.addEventListener("drop", acceptFrom);
}

listenForPictures();
window.addEventListener("popstate", followAddress);
followAddress();
showShop();
