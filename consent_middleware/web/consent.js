// Chooses without leaving the page that the visitor reads. Without it the same forms are sent by the browser itself.
(function () {
  "use strict";
  var data = document.querySelector("script[data-consent-page]");
  var banner = document.querySelector("[data-consent-banner]");
  if (!data || !banner || !banner.shadowRoot) return;
  var page = JSON.parse(data.textContent);

  banner.shadowRoot.addEventListener("submit", function (event) {
    var action = event.submitter && event.submitter.value;
    if (action !== "accept-all" && action !== "reject-all") return;
    event.preventDefault();
    fetch(page.choice, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify({ action: action, fingerprint: page.fingerprint }),
    }).then(function () { location.reload(); }, function () { location.assign(page.settings); });
  });
})();
