/** What each address of the API takes and answers, out of the generated document. */

import type { paths } from "@/api/schema";

type Root = "/admin/api/v1";

type Paths = { [P in keyof paths as P extends `${Root}${infer Rest}` ? Rest : never]: paths[P] };

export type Method = "GET" | "POST" | "PATCH" | "DELETE";

type Operation<P extends keyof Paths, M extends Method> = Paths[P] extends Record<Lowercase<M>, infer O> ? O : never;

/** The addresses that have this method: those whose operation is not `undefined`. */
export type PathWith<M extends Method> = {
  [P in keyof Paths]: [Operation<P, M>] extends [undefined] ? never : P;
}[keyof Paths];

type Parameters<O, Place extends string> = O extends { parameters: Partial<Record<Place, infer V>> }
  ? NonNullable<V>
  : never;

type Body<O> = O extends { requestBody: { content: { "application/json": infer B } } } ? B : never;

interface Common {
  ifMatch?: string;
  signal?: AbortSignal;
  bare?: boolean;
}

type Options<O> = Common &
  ([Parameters<O, "path">] extends [never] ? object : { path: Parameters<O, "path"> }) &
  ([Parameters<O, "query">] extends [never] ? object : { query?: { [N in keyof Parameters<O, "query">]?: unknown } }) &
  ([Body<O>] extends [never] ? object : { body: Body<O> });

type Optional<T> = object extends T ? [T?] : [T];

export type Ask<P extends keyof Paths, M extends Method> = Optional<Options<Operation<P, M>>>;

type Ok<O> = O extends { responses: infer R } ? R[keyof R & (200 | 201 | 204)] : never;

export type Answer<P extends keyof Paths, M extends Method> =
  Ok<Operation<P, M>> extends { content: { "application/json": infer A } } ? A : undefined;
