"""What the oldest browsers of the page lack: Chrome and Edge 94, Firefox 93, Safari 15.0.

The versions in the comments are the first with the function in each of the three, by MDN.
"""

NEWER_FUNCTIONS = [
    "AbortSignal.timeout",  # 103, 100, 16
    "AbortSignal.any",  # 116, 124, 17.4
    "AbortSignal.prototype.throwIfAborted",  # 100, 97, 15.4
    "Array.fromAsync",  # 121, 115, 16.4
    "Array.prototype.at",  # 92, 90, 15.4
    "Array.prototype.findLast",  # 97, 104, 15.4
    "Array.prototype.findLastIndex",  # 97, 104, 15.4
    "Array.prototype.toReversed",  # 110, 115, 16
    "Array.prototype.toSorted",  # 110, 115, 16
    "Array.prototype.toSpliced",  # 110, 115, 16
    "Array.prototype.with",  # 110, 115, 16
    "BroadcastChannel",  # 54, 38, 15.4
    "CompressionStream",  # 80, 113, 16.4
    "DecompressionStream",  # 80, 113, 16.4
    "Element.prototype.ariaValueNow",  # 81, 119, 12.1
    "Element.prototype.checkVisibility",  # 105, 106, 17.4
    "HTMLDialogElement",  # 37, 98, 15.4
    "HTMLElement.prototype.showPopover",  # 114, 125, 17
    "Intl.DurationFormat",  # 129, 136, 16.4
    "Intl.Segmenter",  # 87, 125, 14.1
    "Intl.supportedValuesOf",  # 99, 93, 15.4
    "Iterator",  # 122, 131, 18.4
    "Map.groupBy",  # 117, 119, 17.4
    "Object.groupBy",  # 117, 119, 17.4
    "Object.hasOwn",  # 93, 92, 15.4
    "Promise.try",  # 128, 134, 18.2
    "Promise.withResolvers",  # 119, 121, 17.4
    "ReadableStream.from",  # none, 117, none
    "Response.json",  # 105, 115, 17
    "Set.prototype.difference",  # 122, 127, 17
    "Set.prototype.intersection",  # 122, 127, 17
    "Set.prototype.isSubsetOf",  # 122, 127, 17
    "Set.prototype.symmetricDifference",  # 122, 127, 17
    "Set.prototype.union",  # 122, 127, 17
    "SharedWorker",  # 4 (none on Android), 29, 16
    "String.prototype.at",  # 92, 90, 15.4
    "String.prototype.isWellFormed",  # 111, 119, 16.4
    "String.prototype.toWellFormed",  # 111, 119, 16.4
    "URL.canParse",  # 120, 115, 17
    "URL.parse",  # 126, 126, 18
    "cookieStore",  # 87, 140, 18.4
    "crypto.randomUUID",  # 92, 95, 15.4
    "navigation",  # 102, 147, 26.2
    "navigator.locks",  # 69, 96, 15.4
    "reportError",  # 95, 93, 15.4
    "requestIdleCallback",  # 47, 55, none
    "scheduler",  # 94, 142, none
    "structuredClone",  # 98, 94, 15.4
]
"""Functions that the page must not need; a test takes them away."""
