/**
 * Cookie headers.
 *
 * @module
 */

/** The cookies of a request. Of several with one name the first counts, which browsers send for the longest path. */
export function parseCookies(header: string | null | undefined): Record<string, string> {
  const cookies = Object.create(null) as Record<string, string>;
  if (!header) return cookies;
  for (const pair of header.split(";")) {
    const at = pair.indexOf("=");
    if (at === -1) continue;
    const name = pair.slice(0, at).trim();
    if (name === "" || name in cookies) continue;
    let value = pair.slice(at + 1).trim();
    if (value.length > 1 && value.startsWith('"') && value.endsWith('"')) value = value.slice(1, -1);
    cookies[name] = decode(value);
  }
  return cookies;
}

/** Percent-encoding is a habit, not a rule: what is malformed was not encoded. */
export function decode(text: string): string {
  if (!text.includes("%")) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export interface CookieAttributes {
  readonly path: string;
  readonly domain: string | undefined;
  readonly httpOnly: boolean;
  readonly secure: boolean;
  readonly sameSite: "Strict" | "Lax" | "None" | undefined;
  readonly expires: Date | undefined;
}

/** A Set-Cookie header. The value must be one that needs no encoding. */
export function serializeCookie(name: string, value: string, attributes: CookieAttributes): string {
  const { path, domain, httpOnly, secure, sameSite, expires } = attributes;
  let text = `${name}=${value}`;
  if (domain !== undefined) text += `; Domain=${domain}`;
  if (expires !== undefined) text += `; Expires=${expires.toUTCString()}`;
  if (secure) text += "; Secure";
  if (httpOnly) text += "; HttpOnly";
  text += `; Path=${path}`;
  if (sameSite !== undefined) text += `; SameSite=${sameSite}`;
  return text;
}
