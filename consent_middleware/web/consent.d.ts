/** What window.consent is, and the event by which a page hears of a choice. */

/** A category of the site's policy, as it stands for this visitor. */
interface ConsentCategory {
  /** What the visitor said; "unset" where nobody has asked yet. */
  status: "granted" | "denied" | "unset";
  /** Whether what belongs to it may happen now. */
  allowed: boolean;
  /** Strictly necessary: always allowed. */
  required: boolean;
  /** No part of "accept all". */
  onRequest: boolean;
  /** Its name in the visitor's language. */
  label: string;
}

interface ConsentState {
  categories: Record<string, ConsentCategory>;
  /** Whether a category still waits for an answer. */
  needsAsking: boolean;
  /** Whose word it is; "foreign" is that of another tool, "default" that of nobody. */
  source: "visitor" | "application" | "gpc" | "foreign" | "default";
  /** Whether the browser sends Sec-GPC: 1. */
  gpc: boolean;
}

/** Names of categories whose standing has changed. */
interface ConsentChange {
  granted: string[];
  withdrawn: string[];
}

interface Consent {
  /** Whether what belongs to a category may happen now; false for one that the policy does not have. */
  allows(category: string): boolean;
  /** Opens the settings over the page. Only for a click of the visitor's: it takes the focus. */
  open(): Promise<void>;
  /**
   * Makes a choice for the visitor, who must have asked for it. Rejects when the choice is none or cannot be sent.
   * Where the page has to be loaded anew, that happens before the promise is resolved or right after.
   */
  choose(action: "accept-all" | "reject-all" | "withdraw"): Promise<ConsentState>;
  choose(action: "save" | "grant", categories: string[]): Promise<ConsentState>;
  /** A copy of how things stand. */
  readonly state: ConsentState;
}

interface Window {
  /** There once the document is parsed; undefined where our script did not come. */
  readonly consent?: Consent;
}

interface DocumentEventMap {
  /**
   * A choice was made, here or in another tab. After a withdrawal the page is loaded anew, because a script that has
   * run cannot be made not to have run; preventDefault() keeps the page, for a site that stops everything itself.
   */
  "consent:change": CustomEvent<ConsentChange>;
}
