// The first script of a page that is the same for everybody. It tells the others who this is: what was chosen stands in
// a cookie that only scripts believe, or else the server knows it.
(function (tag) {
  "use strict";
  const name = tag.getAttribute("data-consent-hint") + "=";
  const hint = document.cookie.split("; ").find((pair) => pair.startsWith(name))?.slice(name.length) || "";
  const [fingerprint, asks, ...allowed] = hint.split(".");
  // A hint of another policy is none.
  const isKnown = fingerprint === tag.getAttribute("data-consent-shared");
  if (isKnown) window["consent.allowed"] = allowed;

  function hinted(page) {
    const rest = asks === "1" ? "unset" : "denied";
    const statuses = Object.keys(page.categories).map((name) => [name, allowed.includes(name) ? "granted" : rest]);
    return { needs_asking: asks === "1", source: "visitor", allowed, categories: Object.fromEntries(statuses) };
  }

  async function told(page) {
    const state = await (await fetch(page.state)).json();
    // Where the page and the server are of two policies the page stays as it is, until the cache has a new one.
    return state.policy.fingerprint === page.fingerprint ? state : null;
  }

  document.addEventListener("DOMContentLoaded", async () => {
    const take = window[Symbol.for("consent.page")];
    const page = JSON.parse(document.querySelector("script[data-consent-page]").textContent);
    const state = isKnown ? hinted(page) : await told(page).catch(() => null);
    const banner = document.querySelector("[data-consent-banner]");
    if (banner && (!state || state.needs_asking)) banner.hidden = window !== top;
    if (state) take?.(state);
  });
})(document.currentScript);
