/** Elements that a script makes by itself, where no template of a page has them. */

const SVG = "http://www.w3.org/2000/svg";

/** A new element with these properties, and `children`, elements or texts. */
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** An icon of lines, 20 wide and high, that only looks: `path` as in SVG. */
export function lineIcon(path) {
  const icon = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 20 20", "aria-hidden": "true", focusable: "false" })) {
    icon.setAttribute(name, value);
  }
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  icon.append(line);
  return icon;
}
