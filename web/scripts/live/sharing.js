// @ts-check

/**
 * One connection for many tabs of a browser. Pure: `open` makes the connection (socket.js), and each tab is a function
 * that takes messages.
 *
 * The connection watches what all tabs watch together, and each tab gets the builds of its own filters. So ten tabs
 * cost the gateway one connection, and a build that several show is sent once. A tab that leaves takes its filters
 * along, unless others have them. One tab alone needs nobody to share with, so the connection begins with the second.
 *
 * A message is [name, ...arguments]. A tab says `join(filters, choice, identity)`, `ask(number)`, `renew()`, `again(identity)`,
 * `pause()`, `resume()` and `leave()`, and hears what `connect` in connection.js calls by these names, and `remember`
 * for the choice of a transport, which only tabs can keep.
 */

/** @import { Feed, Hear, KeptChoice, Memory, Message, Socket, State, Tab } from "../types" */

/** How long, in ms, the connection stays when the last tab has left: mostly it has gone to another page of ours. */
const EMPTY = 2000;

/**
 * Returns `tabOf(post)`: called for each new tab, it returns `take(message)` for what the tab says.
 *
 * @type {(open: (hear: Hear, memory: Memory) => Socket, later?: (work: () => void, ms: number) => unknown) => (post: (message: Message) => void) => (message: Message) => void}
 */
export function sharing(open, later = setTimeout) {
  /** @type {Set<Tab>} */
  const tabs = new Set();
  /** @type {Socket | null} */
  let socket = null;
  let connected = false;
  /** @type {Feed | null} */
  let feed = null; // the last one of this connection
  /** @type {Message | null} */
  let trouble = null; // the message of why there is no connection
  /** @type {string | null} */
  let identity = null; // whom the connection is for, where a tab has said it
  /** @type {KeptChoice | null} */
  let choice = null; // of a transport, as the browser has kept it

  /** @type {(message: Message) => void} */
  const tell = (message) => tabs.forEach((tab) => tab.paused || tab.post(message));

  /** @type {Required<Hear>} */
  const hear = {
    opened() {
      [connected, feed, trouble] = [true, null, null];
      tell(["opened"]);
    },
    closed() {
      [connected, identity, feed] = [false, null, null];
      tell(["closed"]);
    },
    build(state) {
      for (const tab of tabs) if (!tab.paused && showsBuild(tab.filters, state)) tab.post(["build", state]);
    },
    log(log) {
      for (const tab of tabs) if (!tab.paused && showsLog(tab.filters, log)) tab.post(["log", log]);
    },
    feed(news) {
      feed = news;
      tell(["feed", news]);
    },
    refused(...why) {
      trouble = ["refused", ...why];
      tell(trouble);
    },
    troubled(...why) {
      trouble = ["troubled", ...why];
      tell(trouble);
    },
  };

  /** @type {Memory} */
  const memory = {
    recall: () => choice,
    remember(kept) {
      choice = kept;
      tell(["remember", kept]);
    },
  };

  /**
   * Tell a tab how the connection is, as if it had changed just now.
   *
   * @type {(tab: Tab) => void}
   */
  function greet(tab) {
    tab.post([connected ? "opened" : "closed"]);
    if (feed) tab.post(["feed", feed]);
    if (trouble) tab.post(trouble);
  }

  /** @type {(tab: Tab, filters: string[], kept: KeptChoice | null, whom: string) => void} */
  function join(tab, filters, kept, whom) {
    tab.filters = filters;
    tabs.add(tab);
    choice ??= kept;
    if (socket && whom !== identity) connectAs(whom);
    else if (socket) greet(tab);
    else if (tabs.size > 1) {
      identity = whom;
      socket = open(hear, memory);
    }
  }

  /** @type {(whom: string) => void} */
  function connectAs(whom) {
    socket?.again();
    identity = whom; // after it: `closed` forgets whom it was for
  }

  /** @type {(tab: Tab, number: number) => void} */
  function ask(tab, number) {
    if (!connected) return;
    socket?.ask(tab.filters, {
      build: (state) => tab.post(["build", state]),
      snapshot: (snapshot) => tab.post(["snapshot", snapshot, number]),
      refused: (...why) => tab.post(["refused", ...why]),
      unanswered: () => tab.post(["unanswered", number]),
    });
  }

  /**
   * Connect anew as somebody else, unless another tab has done so: then only this one begins anew.
   *
   * @type {(tab: Tab, whom: string) => void}
   */
  function again(tab, whom) {
    if (whom !== identity) return connectAs(whom);
    tab.post(["closed"]);
    if (connected) greet(tab);
  }

  /** @type {(tab: Tab) => void} */
  function leave(tab) {
    if (!tabs.delete(tab)) return;
    if (tabs.size === 0) {
      later(end, EMPTY);
      return;
    }
    const watched = [...tabs].flatMap(({ filters }) => filters);
    const free = tab.filters.filter((filter) => !watched.includes(filter));
    if (free.length && socket) socket.leave(free, (left) => watchAgain(watched.filter((filter) => !left.includes(filter))));
  }

  /**
   * Of somebody who may not read all, the gateway watches parts of a filter, and filters that others still have may
   * have lost theirs.
   *
   * @type {(filters: string[]) => void}
   */
  function watchAgain(filters) {
    if (!connected || filters.length === 0) return;
    const nothing = () => {};
    /** @type {(answer: { builds: State[] }) => void} */
    const builds = ({ builds }) => builds.forEach(hear.build);
    socket?.ask([...new Set(filters)], { build: hear.build, snapshot: builds, refused: nothing, unanswered: nothing });
  }

  function end() {
    if (tabs.size || !socket) return;
    socket.close();
    socket = trouble = null;
  }

  return function tabOf(post) {
    /** @type {Tab} */
    const tab = { post, filters: [], paused: false };
    /** @type {Record<string, (...given: any[]) => void>} */
    const takes = {
      join: (filters, kept, whom) => join(tab, filters, kept, whom),
      ask: (number) => ask(tab, number),
      renew: () => socket?.renew(),
      again: (whom) => socket && again(tab, whom),
      pause() {
        tab.paused = true;
      },
      resume() {
        tab.paused = false;
        greet(tab);
      },
      leave: () => leave(tab),
    };
    return ([name, ...given]) => {
      if (name === "join" || tabs.has(tab)) takes[name](...given);
    };
  };
}

/**
 * Whether one of the filters concerns a build. The kind makes no difference: a state stands for all that happened
 * before, so a newer one of another kind may come in place of the one that was asked for.
 *
 * @type {(filters: string[], state: { project: string, build: string }) => boolean}
 */
export function showsBuild(filters, { project, build }) {
  return filters.some((filter) => concerns(filter.split("/"), ["builds", project, build]));
}

/**
 * Whether one of the filters names the log of a build: no wildcard does.
 *
 * @type {(filters: string[], log: { project: string, build: string }) => boolean}
 */
export const showsLog = (filters, { project, build }) => filters.includes(`builds/${project}/${build}/log`);

/** @type {(filter: string[], topic: string[]) => boolean} */
function concerns(filter, topic) {
  for (const [i, level] of topic.entries()) {
    if (filter[i] === "#") return true;
    if (filter[i] !== "+" && filter[i] !== level) return false;
  }
  return filter[topic.length] !== "log";
}
