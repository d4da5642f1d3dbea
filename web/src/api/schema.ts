// Written by `npm run schema` from openapi.json. Do not edit.

export interface paths {
    "/admin/api/v1/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who is signed in
         * @description Who is signed in.
         */
        get: operations["get_session"];
        put?: never;
        /**
         * Sign in. Sets the session's cookie
         * @description Sign in. Sets the session's cookie.
         */
        post: operations["sign_in"];
        /**
         * Sign out. Ends the session and clears its cookie
         * @description Sign out. Ends the session and clears its cookie.
         */
        delete: operations["sign_out"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/sessions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List own sessions. An admin may name another user's id, or `all`
         * @description List own sessions. An admin may name another user's id, or `all`.
         */
        get: operations["list_sessions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/sessions/{session_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * End a session. A viewer only their own
         * @description End a session. A viewer only their own.
         */
        delete: operations["end_session"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/password": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Change the own password. All other sessions of the user end
         * @description Change the own password. All other sessions of the user end.
         */
        post: operations["change_password"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the users
         * @description List the users.
         */
        get: operations["list_users"];
        put?: never;
        /**
         * Create a user, who is asked for a new password at the first sign-in
         * @description Create a user, who is asked for a new password at the first sign-in.
         */
        post: operations["create_user"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/users/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete a user with sessions and tokens
         * @description Delete a user with sessions and tokens.
         */
        delete: operations["delete_user"];
        options?: never;
        head?: never;
        /**
         * Change a user's role or password, or (de)activate the user. Their sessions end
         * @description Change a user's role or password, or (de)activate the user. Their sessions end.
         */
        patch: operations["update_user"];
        trace?: never;
    };
    "/admin/api/v1/tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List API tokens: an admin sees all of them
         * @description List API tokens: an admin sees all of them.
         */
        get: operations["list_tokens"];
        put?: never;
        /**
         * Create an API token for scripts. It never may more than its user, and ends with them
         * @description Create an API token for scripts. It never may more than its user, and ends with them.
         */
        post: operations["create_token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/tokens/{token_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Delete an API token: it stops at once
         * @description Delete an API token: it stops at once.
         */
        delete: operations["delete_token"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/providers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the providers that clients can have
         * @description List the providers that clients can have.
         */
        get: operations["list_providers"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/defaults": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show the limits that a new client gets
         * @description Show the limits that a new client gets.
         */
        get: operations["get_defaults"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/discover": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Look for Ollama and LM Studio on this machine
         * @description Look for Ollama and LM Studio on this machine.
         */
        get: operations["discover_local"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show how the gateway is
         * @description Show how the gateway is.
         */
        get: operations["get_status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/settings": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show the configuration, without its secrets
         * @description Show the configuration, without its secrets.
         */
        get: operations["get_settings"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List who changed what, newest first
         * @description List who changed what, newest first.
         */
        get: operations["list_audit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/clients": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List clients with today's usage and what is left of their limits
         * @description List clients with today's usage and what is left of their limits.
         */
        get: operations["list_clients"];
        put?: never;
        /**
         * Create a client. Its key is in this answer, and nowhere else
         * @description Create a client. Its key is in this answer, and nowhere else.
         */
        post: operations["create_client"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/clients/{client_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a client's settings, keys and limits
         * @description Show a client's settings, keys and limits.
         */
        get: operations["get_client"];
        put?: never;
        post?: never;
        /**
         * Delete a client and its keys. Its usage and request history stay
         * @description Delete a client and its keys. Its usage and request history stay.
         */
        delete: operations["delete_client"];
        options?: never;
        head?: never;
        /**
         * Change settings. `if-match` holds the etag of what was read before, or `*`
         * @description Change settings. `if-match` holds the etag of what was read before, or `*`.
         */
        patch: operations["update_client"];
        trace?: never;
    };
    "/admin/api/v1/clients/{client_id}/enable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let a client in again
         * @description Let a client in again.
         */
        post: operations["enable_client"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/clients/{client_id}/disable": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Answer a client's requests with 403
         * @description Answer a client's requests with 403.
         */
        post: operations["disable_client"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/clients/{client_id}/rotate-key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a new key. The old one stays valid for `grace_seconds`
         * @description Make a new key. The old one stays valid for `grace_seconds`.
         */
        post: operations["rotate_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/test-connection": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Try an address and a key that are not stored yet
         * @description Try an address and a key that are not stored yet.
         */
        post: operations["test_connection"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/clients/{client_id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Try a client's provider, and one of its models where one is named
         * @description Try a client's provider, and one of its models where one is named.
         */
        post: operations["test_client"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/fetch-models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * List the models of an address and a key that are not stored yet
         * @description List the models of an address and a key that are not stored yet.
         */
        post: operations["fetch_models"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/clients/{client_id}/fetch-models": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * List the models of a client's provider, and remember them
         * @description List the models of a client's provider, and remember them.
         */
        post: operations["fetch_client_models"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/clients/{client_id}/snippets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show how programs call the gateway as this client
         * @description Show how programs call the gateway as this client.
         */
        get: operations["client_snippets"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/overview": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show what is happening now
         * @description Show what is happening now.
         */
        get: operations["overview"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/series": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show requests, tokens and cost over time, of everything, a client (its id) or a model
         * @description Show requests, tokens and cost over time, of everything, a client (its id) or a model.
         */
        get: operations["series"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/requests": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List requests, newest first. A page may be short, or empty, while there is a next one
         * @description List requests, newest first. A page may be short, or empty, while there is a next one.
         */
        get: operations["list_requests"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/requests/{request_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Show a request with its attempts, timing and, where they are logged, bodies
         * @description Show a request with its attempts, timing and, where they are logged, bodies.
         */
        get: operations["get_request"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Report usage by day, client and model. Days are those of limits.timezone, both ends included
         * @description Report usage by day, client and model. Days are those of limits.timezone, both ends included.
         */
        get: operations["usage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/usage.csv": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Export usage by day, client and model as CSV
         * @description Export usage by day, client and model as CSV.
         */
        get: operations["usage_csv"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/tools": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the gateway's own tools and the MCP servers that bring some of them
         * @description List the gateway's own tools and the MCP servers that bring some of them.
         */
        get: operations["list_tools"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/tools/calls": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the newest calls of the gateway's tools that models have made
         * @description List the newest calls of the gateway's tools that models have made.
         */
        get: operations["list_tool_calls"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/tools/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Switch a tool on or off, for every client
         * @description Switch a tool on or off, for every client.
         */
        patch: operations["switch_tool"];
        trace?: never;
    };
    "/admin/api/v1/tools/{name}/call": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Run a tool as a model would. What it does in the world, it does
         * @description Run a tool as a model would. What it does in the world, it does.
         */
        post: operations["call_tool"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/tools/servers": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Add an MCP server that speaks streamable HTTP
         * @description Add an MCP server that speaks streamable HTTP.
         */
        post: operations["add_tool_server"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/tools/servers/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Remove an MCP server and its tools
         * @description Remove an MCP server and its tools.
         */
        delete: operations["remove_tool_server"];
        options?: never;
        head?: never;
        /**
         * Change an MCP server, or switch it on or off
         * @description Change an MCP server, or switch it on or off.
         */
        patch: operations["update_tool_server"];
        trace?: never;
    };
    "/admin/api/v1/tools/servers/{name}/reconnect": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Try an MCP server that is away again now
         * @description Try an MCP server that is away again now.
         */
        post: operations["reconnect_tool_server"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/admin/api/v1/playground/chat": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Chat as a client, whose limits and accounting apply. Errors of the data path are OpenAI's
         * @description Chat as a client, whose limits and accounting apply. Errors of the data path are OpenAI's.
         */
        post: operations["playground_chat"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * Attempt
         * @description One call to a provider.
         */
        Attempt: {
            /** Provider */
            provider: string;
            /** Backend */
            backend: string;
            /** Model */
            model: string;
            /**
             * Round
             * @description counted up each time that the gateway's tools have run
             */
            round: number;
            /** Started Ms */
            started_ms: number;
            /** Latency Ms */
            latency_ms: number;
            /** Status */
            status: number | null;
            /** Error */
            error: string | null;
            /** Input Tokens */
            input_tokens: number;
            /** Output Tokens */
            output_tokens: number;
            /** Cached Tokens */
            cached_tokens: number;
            /** Cache Write Tokens */
            cache_write_tokens: number;
            /** Reasoning Tokens */
            reasoning_tokens: number;
            /** Usage Estimated */
            usage_estimated: boolean;
            /**
             * Cost Usd
             * @description USD; null: no price is known
             */
            cost_usd: number | null;
        };
        /**
         * AuditChange
         * @description Values as text; secrets as "(secret)".
         */
        AuditChange: {
            /** Field */
            field: string;
            /** Before */
            before: string | null;
            /** After */
            after: string | null;
        };
        /** AuditEntry */
        AuditEntry: {
            /** Id */
            id: string;
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Actor */
            actor: string;
            /**
             * Actor Kind
             * @enum {string}
             */
            actor_kind: "user" | "token" | "cli";
            /** Address */
            address: string | null;
            /** Action */
            action: string;
            /** Target Kind */
            target_kind: string;
            /** Target Id */
            target_id: string | null;
            /** Target Name */
            target_name: string | null;
            /** Changes */
            changes: components["schemas"]["AuditChange"][];
        };
        /**
         * Bodies
         * @description Only of clients whose bodies are logged, until they are purged.
         */
        Bodies: {
            /** Caller Request */
            caller_request: string | null;
            /** Upstream Request */
            upstream_request: string | null;
            /** Response */
            response: string | null;
        };
        /** ChatMessage */
        ChatMessage: {
            /**
             * Role
             * @enum {string}
             */
            role: "system" | "user" | "assistant";
            /** Content */
            content: string;
        };
        /**
         * Circuit
         * @description Of one model of one backend. `retry_at` is set while it is open.
         */
        Circuit: {
            /** Provider */
            provider: string;
            /** Backend Base */
            backend_base: string;
            /** Model */
            model: string;
            /**
             * State
             * @enum {string}
             */
            state: "closed" | "open" | "half_open";
            /**
             * Opens At
             * @description null: not known
             */
            opens_at: string | null;
            /** Retry At */
            retry_at: string | null;
            /** Failures */
            failures: number;
        };
        /**
         * Client
         * @description A client's settings without its secrets. 0 or empty: unlimited, or the provider's default.
         */
        Client: {
            /** Id */
            id: string;
            /** Name */
            name: string;
            /** Description */
            description: string;
            /** Backend */
            backend: string;
            /** Has Backend Api Key */
            has_backend_api_key: boolean;
            /** Base Url */
            base_url: string;
            /** Default Model */
            default_model: string;
            /** Models */
            models: string[];
            /** Model Whitelist */
            model_whitelist: string[];
            /** Model Aliases */
            model_aliases: {
                [key: string]: string;
            };
            /** Extra Backends */
            extra_backends: components["schemas"]["ExtraBackend"][];
            /** Fallback Models */
            fallback_models: string[];
            /** System Prompt */
            system_prompt: string;
            /**
             * Tool Mode
             * @enum {string}
             */
            tool_mode: "pass-through" | "gateway";
            /** Server Tools */
            server_tools: string[];
            /** Rate Limit Minute */
            rate_limit_minute: number;
            /** Rate Limit Hour */
            rate_limit_hour: number;
            /** Rate Limit Day */
            rate_limit_day: number;
            /** Quota Input Tokens Day */
            quota_input_tokens_day: number;
            /** Quota Output Tokens Day */
            quota_output_tokens_day: number;
            /** Quota Requests Day */
            quota_requests_day: number;
            /** Max Input Tokens */
            max_input_tokens: number;
            /** Max Output Tokens */
            max_output_tokens: number;
            /** Max Concurrency */
            max_concurrency: number;
            /** Budget Usd Day */
            budget_usd_day: number;
            /** Budget Usd Month */
            budget_usd_month: number;
            /** Key Prefix */
            key_prefix: string;
            /** Expires At */
            expires_at: string | null;
            /** Allowed Ips */
            allowed_ips: string[];
            /** Is Active */
            is_active: boolean;
            /** Log Bodies */
            log_bodies: boolean;
            /** Timeout Seconds */
            timeout_seconds: number;
            /** Key Tails */
            key_tails: string[];
            /** Keys */
            keys: components["schemas"]["KeyInfo"][];
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /**
             * Updated At
             * Format: date-time
             */
            updated_at: string;
            /** Last Seen */
            last_seen: string | null;
            /**
             * Etag
             * @description to be sent back as if-match
             */
            etag: string;
        };
        /**
         * ClientChange
         * @description Settings to change. What is left out stays; a secret that is empty is cleared.
         */
        ClientChange: {
            /** Name */
            name?: string | null;
            /** Description */
            description?: string | null;
            /** Backend */
            backend?: string | null;
            /**
             * Backend Api Key
             * @description write-only
             */
            backend_api_key?: string | null;
            /** Base Url */
            base_url?: string | null;
            /** Default Model */
            default_model?: string | null;
            /** Models */
            models?: string[] | null;
            /** Model Whitelist */
            model_whitelist?: string[] | null;
            /** Model Aliases */
            model_aliases?: {
                [key: string]: string;
            } | null;
            /** Extra Backends */
            extra_backends?: components["schemas"]["ExtraBackendInput"][] | null;
            /** Fallback Models */
            fallback_models?: string[] | null;
            /** System Prompt */
            system_prompt?: string | null;
            /** Tool Mode */
            tool_mode?: ("pass-through" | "gateway") | null;
            /** Server Tools */
            server_tools?: string[] | null;
            /** Rate Limit Minute */
            rate_limit_minute?: number | null;
            /** Rate Limit Hour */
            rate_limit_hour?: number | null;
            /** Rate Limit Day */
            rate_limit_day?: number | null;
            /** Quota Input Tokens Day */
            quota_input_tokens_day?: number | null;
            /** Quota Output Tokens Day */
            quota_output_tokens_day?: number | null;
            /** Quota Requests Day */
            quota_requests_day?: number | null;
            /** Max Input Tokens */
            max_input_tokens?: number | null;
            /** Max Output Tokens */
            max_output_tokens?: number | null;
            /** Max Concurrency */
            max_concurrency?: number | null;
            /** Budget Usd Day */
            budget_usd_day?: number | null;
            /** Budget Usd Month */
            budget_usd_month?: number | null;
            /** Key Prefix */
            key_prefix?: string | null;
            /**
             * Expires At
             * @description null: never
             */
            expires_at?: string | null;
            /** Allowed Ips */
            allowed_ips?: string[] | null;
            /** Is Active */
            is_active?: boolean | null;
            /** Log Bodies */
            log_bodies?: boolean | null;
            /** Timeout Seconds */
            timeout_seconds?: number | null;
        };
        /**
         * ClientCreated
         * @description `api_key` is shown this once.
         */
        ClientCreated: {
            client: components["schemas"]["Client"];
            /** Api Key */
            api_key: string;
        };
        /** ClientDetail */
        ClientDetail: {
            client: components["schemas"]["Client"];
            /** Limits */
            limits: components["schemas"]["LimitState"][];
        };
        /**
         * ClientSummary
         * @description A row of the list.
         */
        ClientSummary: {
            /** Id */
            id: string;
            /** Name */
            name: string;
            /** Description */
            description: string;
            /** Backend */
            backend: string;
            /** Default Model */
            default_model: string;
            /** Is Active */
            is_active: boolean;
            /** Expires At */
            expires_at: string | null;
            /** Last Seen */
            last_seen: string | null;
            /** Key Tails */
            key_tails: string[];
            today: components["schemas"]["TodayUsage"];
            /** Limits */
            limits: components["schemas"]["LimitState"][];
        };
        /** ConnectionTest */
        ConnectionTest: {
            /** Ok */
            ok: boolean;
            /** Steps */
            steps: components["schemas"]["TestStep"][];
            /** Latency Ms */
            latency_ms: number;
            /** Failure */
            failure: ("dns" | "refused" | "timeout" | "tls" | "unauthorized" | "wrong_path" | "no_such_model" | "provider_error") | null;
            /** Message */
            message: string;
            /** Models */
            models: string[] | null;
        };
        /**
         * Defaults
         * @description What a new client gets where nothing is said; 0: unlimited.
         */
        Defaults: {
            /** Rate Limit Minute */
            rate_limit_minute: number;
            /** Rate Limit Hour */
            rate_limit_hour: number;
            /** Rate Limit Day */
            rate_limit_day: number;
            /** Quota Input Tokens Day */
            quota_input_tokens_day: number;
            /** Quota Output Tokens Day */
            quota_output_tokens_day: number;
            /** Quota Requests Day */
            quota_requests_day: number;
            /** Max Input Tokens */
            max_input_tokens: number;
            /** Max Output Tokens */
            max_output_tokens: number;
        };
        /** Discovered */
        Discovered: {
            /** Backend */
            backend: string;
            /** Base Url */
            base_url: string;
            /** Models */
            models: string[];
        };
        /** Discovery */
        Discovery: {
            /** Items */
            items: components["schemas"]["Discovered"][];
        };
        /** ExtraBackend */
        ExtraBackend: {
            /** Name */
            name: string;
            /** Backend */
            backend: string;
            /** Base Url */
            base_url: string;
            /** Has Backend Api Key */
            has_backend_api_key: boolean;
        };
        /**
         * ExtraBackendInput
         * @description Without `backend_api_key`, a backend of the same name keeps the one that it has.
         */
        ExtraBackendInput: {
            /** Name */
            name: string;
            /** Backend */
            backend: string;
            /**
             * Base Url
             * @default
             */
            base_url?: string;
            /**
             * Backend Api Key
             * @description write-only; empty clears it
             */
            backend_api_key?: string | null;
        };
        /** FetchModels */
        FetchModels: {
            /** Backend */
            backend: string;
            /**
             * Base Url
             * @default
             */
            base_url?: string;
            /**
             * Backend Api Key
             * @default
             */
            backend_api_key?: string;
            /**
             * Client Id
             * @description use this client's stored key where none is given
             */
            client_id?: string | null;
        };
        /** Health */
        Health: {
            /** Status */
            status: string;
            /** Checks */
            checks: {
                [key: string]: string | number;
            };
        };
        /** KeyInfo */
        KeyInfo: {
            /** Tail */
            tail: string;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /** Expires At */
            expires_at: string | null;
        };
        /**
         * LimitState
         * @description One limit that is set, and what is left of it. Money in USD, tokens in tokens.
         */
        LimitState: {
            /**
             * Name
             * @enum {string}
             */
            name: "requests_minute" | "requests_hour" | "requests_day" | "quota_requests_day" | "quota_input_tokens_day" | "quota_output_tokens_day" | "budget_usd_day" | "budget_usd_month" | "concurrency";
            /** Limit */
            limit: number;
            /** Used */
            used: number;
            /**
             * Held
             * @description reserved by requests in flight
             */
            held: number;
            /** Remaining */
            remaining: number;
            /**
             * Resets In S
             * @description null: nothing is to be reset
             */
            resets_in_s: number | null;
        };
        /** ModelList */
        ModelList: {
            /** Models */
            models: string[];
        };
        /**
         * NewClient
         * @description Limits that are left out are the config's defaults.
         */
        NewClient: {
            /** Name */
            name: string;
            /** Description */
            description?: string | null;
            /** Backend */
            backend: string;
            /**
             * Backend Api Key
             * @description write-only
             */
            backend_api_key?: string | null;
            /** Base Url */
            base_url?: string | null;
            /** Default Model */
            default_model?: string | null;
            /** Models */
            models?: string[] | null;
            /** Model Whitelist */
            model_whitelist?: string[] | null;
            /** Model Aliases */
            model_aliases?: {
                [key: string]: string;
            } | null;
            /** Extra Backends */
            extra_backends?: components["schemas"]["ExtraBackendInput"][] | null;
            /** Fallback Models */
            fallback_models?: string[] | null;
            /** System Prompt */
            system_prompt?: string | null;
            /** Tool Mode */
            tool_mode?: ("pass-through" | "gateway") | null;
            /** Server Tools */
            server_tools?: string[] | null;
            /** Rate Limit Minute */
            rate_limit_minute?: number | null;
            /** Rate Limit Hour */
            rate_limit_hour?: number | null;
            /** Rate Limit Day */
            rate_limit_day?: number | null;
            /** Quota Input Tokens Day */
            quota_input_tokens_day?: number | null;
            /** Quota Output Tokens Day */
            quota_output_tokens_day?: number | null;
            /** Quota Requests Day */
            quota_requests_day?: number | null;
            /** Max Input Tokens */
            max_input_tokens?: number | null;
            /** Max Output Tokens */
            max_output_tokens?: number | null;
            /** Max Concurrency */
            max_concurrency?: number | null;
            /** Budget Usd Day */
            budget_usd_day?: number | null;
            /** Budget Usd Month */
            budget_usd_month?: number | null;
            /** Key Prefix */
            key_prefix?: string | null;
            /**
             * Expires At
             * @description null: never
             */
            expires_at?: string | null;
            /** Allowed Ips */
            allowed_ips?: string[] | null;
            /** Is Active */
            is_active?: boolean | null;
            /** Log Bodies */
            log_bodies?: boolean | null;
            /** Timeout Seconds */
            timeout_seconds?: number | null;
        };
        /**
         * NewKey
         * @description Shown this once.
         */
        NewKey: {
            /** Api Key */
            api_key: string;
        };
        /** NewToken */
        NewToken: {
            /** Name */
            name: string;
            /**
             * Role
             * @enum {string}
             */
            role: "admin" | "viewer";
            /** Expires At */
            expires_at?: string | null;
        };
        /**
         * NewTokenSecret
         * @description `token` is shown this once.
         */
        NewTokenSecret: {
            /** Id */
            id: string;
            /** Name */
            name: string;
            /**
             * Role
             * @enum {string}
             */
            role: "admin" | "viewer";
            /** Token */
            token: string;
        };
        /**
         * NewToolServer
         * @description An MCP server that speaks streamable HTTP.
         */
        NewToolServer: {
            /** Name */
            name: string;
            /** Url */
            url: string;
            /**
             * Headers
             * @description write-only
             * @default {}
             */
            headers?: {
                [key: string]: string;
            };
            /** Timeout Seconds */
            timeout_seconds?: number | null;
            /**
             * Tools
             * @default []
             */
            tools?: string[];
            /**
             * On
             * @default true
             */
            on?: boolean;
        };
        /** NewUser */
        NewUser: {
            /** Username */
            username: string;
            /** Password */
            password: string;
            /**
             * Role
             * @enum {string}
             */
            role: "admin" | "viewer";
        };
        /**
         * Overview
         * @description Now, and the last 60 minutes by minute.
         */
        Overview: {
            today: components["schemas"]["Totals"];
            /** In Flight */
            in_flight: number;
            /**
             * Active Clients
             * @description clients with a request within the last 60 minutes
             */
            active_clients: number;
            series: components["schemas"]["Series"];
            /** Top Models */
            top_models: components["schemas"]["TopModel"][];
            /** Top Clients */
            top_clients: components["schemas"]["TopClient"][];
            /** Recent */
            recent: components["schemas"]["RequestSummary"][];
        };
        /** Page[AuditEntry] */
        Page_AuditEntry_: {
            /** Items */
            items: components["schemas"]["AuditEntry"][];
            /**
             * Next Cursor
             * @description null: this was the last page
             */
            next_cursor?: string | null;
        };
        /** Page[ClientSummary] */
        Page_ClientSummary_: {
            /** Items */
            items: components["schemas"]["ClientSummary"][];
            /**
             * Next Cursor
             * @description null: this was the last page
             */
            next_cursor?: string | null;
        };
        /** Page[RequestSummary] */
        Page_RequestSummary_: {
            /** Items */
            items: components["schemas"]["RequestSummary"][];
            /**
             * Next Cursor
             * @description null: this was the last page
             */
            next_cursor?: string | null;
        };
        /** Page[SessionInfo] */
        Page_SessionInfo_: {
            /** Items */
            items: components["schemas"]["SessionInfo"][];
            /**
             * Next Cursor
             * @description null: this was the last page
             */
            next_cursor?: string | null;
        };
        /** Page[Token] */
        Page_Token_: {
            /** Items */
            items: components["schemas"]["Token"][];
            /**
             * Next Cursor
             * @description null: this was the last page
             */
            next_cursor?: string | null;
        };
        /** Page[User] */
        Page_User_: {
            /** Items */
            items: components["schemas"]["User"][];
            /**
             * Next Cursor
             * @description null: this was the last page
             */
            next_cursor?: string | null;
        };
        /** PasswordChange */
        PasswordChange: {
            /** Current Password */
            current_password: string;
            /** New Password */
            new_password: string;
        };
        /** PlaygroundChat */
        PlaygroundChat: {
            /** Client Id */
            client_id: string;
            /**
             * Model
             * @default
             */
            model?: string;
            /** Messages */
            messages: components["schemas"]["ChatMessage"][];
            /** Temperature */
            temperature?: number | null;
            /** Max Tokens */
            max_tokens?: number | null;
            /**
             * Stream
             * @default true
             */
            stream?: boolean;
        };
        /**
         * Point
         * @description One step of a series, which starts at `at`.
         */
        Point: {
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Requests */
            requests: number;
            /** Errors */
            errors: number;
            /** Input Tokens */
            input_tokens: number;
            /** Output Tokens */
            output_tokens: number;
            /**
             * Cost Usd
             * @description USD; null: no price is known
             */
            cost_usd: number | null;
        };
        /** PriceSource */
        PriceSource: {
            /** Source */
            source: string;
            /** Version */
            version: string;
        };
        /** ProviderInfo */
        ProviderInfo: {
            /** Name */
            name: string;
            /** Title */
            title: string;
            /** Base Url */
            base_url: string;
            /** Base Url Required */
            base_url_required: boolean;
            /** Key Required */
            key_required: boolean;
            /** Dialects */
            dialects: string[];
            /** Builtin */
            builtin: boolean;
        };
        /** Providers */
        Providers: {
            /** Items */
            items: components["schemas"]["ProviderInfo"][];
        };
        /** RequestDetail */
        RequestDetail: {
            /** Id */
            id: string;
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Client Id */
            client_id: string | null;
            /** Client Name */
            client_name: string | null;
            /** Endpoint */
            endpoint: string;
            /** Dialect */
            dialect: string;
            /** Provider */
            provider: string | null;
            /** Model Asked */
            model_asked: string | null;
            /** Model Served */
            model_served: string | null;
            /** Status */
            status: number;
            /** Error */
            error: string | null;
            /** Streaming */
            streaming: boolean;
            /** Tools Used */
            tools_used: boolean;
            /** Input Tokens */
            input_tokens: number;
            /** Output Tokens */
            output_tokens: number;
            /** Cached Tokens */
            cached_tokens: number;
            /** Reasoning Tokens */
            reasoning_tokens: number;
            /**
             * Cost Usd
             * @description USD; null: no price is known
             */
            cost_usd: number | null;
            /** Ttfb Ms */
            ttfb_ms: number | null;
            /** Latency Ms */
            latency_ms: number;
            /** Attempts */
            attempts: number;
            /** Usage Estimated */
            usage_estimated: boolean;
            /** Model Reported */
            model_reported: string | null;
            /** Error Message */
            error_message: string | null;
            /** Cache Write Tokens */
            cache_write_tokens: number;
            /** Overhead Ms */
            overhead_ms: number;
            /** Key Tail */
            key_tail: string | null;
            /** Caller Address */
            caller_address: string | null;
            /** Usage Raw */
            usage_raw: string | null;
            /** Attempt Log */
            attempt_log: components["schemas"]["Attempt"][];
            /** Tool Runs */
            tool_runs: components["schemas"]["ToolRun"][];
            bodies: components["schemas"]["Bodies"] | null;
        };
        /** RequestSummary */
        RequestSummary: {
            /** Id */
            id: string;
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Client Id */
            client_id: string | null;
            /** Client Name */
            client_name: string | null;
            /** Endpoint */
            endpoint: string;
            /** Dialect */
            dialect: string;
            /** Provider */
            provider: string | null;
            /** Model Asked */
            model_asked: string | null;
            /** Model Served */
            model_served: string | null;
            /** Status */
            status: number;
            /** Error */
            error: string | null;
            /** Streaming */
            streaming: boolean;
            /** Tools Used */
            tools_used: boolean;
            /** Input Tokens */
            input_tokens: number;
            /** Output Tokens */
            output_tokens: number;
            /** Cached Tokens */
            cached_tokens: number;
            /** Reasoning Tokens */
            reasoning_tokens: number;
            /**
             * Cost Usd
             * @description USD; null: no price is known
             */
            cost_usd: number | null;
            /** Ttfb Ms */
            ttfb_ms: number | null;
            /** Latency Ms */
            latency_ms: number;
            /** Attempts */
            attempts: number;
            /** Usage Estimated */
            usage_estimated: boolean;
        };
        /** RotateKey */
        RotateKey: {
            /**
             * Grace Seconds
             * @description how long the old key stays valid
             * @default 0
             */
            grace_seconds?: number;
        };
        /** Series */
        Series: {
            /** Step S */
            step_s: number;
            /** Points */
            points: components["schemas"]["Point"][];
        };
        /**
         * Session
         * @description Who is signed in. `csrf_token` goes into the header `x-csrf-token` of every call that is not a GET.
         */
        Session: {
            user: components["schemas"]["UserRef"];
            /**
             * Csrf Token
             * @description empty where an API token was used: it needs none
             */
            csrf_token: string;
            /** Expires At */
            expires_at: string | null;
            /** Must Change Password */
            must_change_password: boolean;
            /** Version */
            version: string;
        };
        /** SessionInfo */
        SessionInfo: {
            /** Id */
            id: string;
            user: components["schemas"]["UserRef"];
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /**
             * Last Seen At
             * Format: date-time
             */
            last_seen_at: string;
            /**
             * Expires At
             * Format: date-time
             */
            expires_at: string;
            /** Address */
            address: string | null;
            /** User Agent */
            user_agent: string | null;
            /** Current */
            current: boolean;
        };
        /** Setting */
        Setting: {
            /** Key */
            key: string;
            /**
             * Value
             * @description secrets are "set" or "not set"
             */
            value: string | number | boolean | string[] | null;
            /** Default */
            default: string | number | boolean | string[] | null;
            /**
             * Source
             * @enum {string}
             */
            source: "file" | "environment" | "default" | "generated";
        };
        /** Settings */
        Settings: {
            /** Items */
            items: components["schemas"]["Setting"][];
            /** Config Path */
            config_path: string;
        };
        /** SignIn */
        SignIn: {
            /** Username */
            username: string;
            /** Password */
            password: string;
        };
        /** Snippet */
        Snippet: {
            /**
             * Id
             * @enum {string}
             */
            id: "curl" | "python" | "node" | "opencode" | "claude-code" | "codex" | "gemini-cli";
            /** Title */
            title: string;
            /** Language */
            language: string;
            /** Filename */
            filename: string | null;
            /** Text */
            text: string;
        };
        /** Snippets */
        Snippets: {
            /** Items */
            items: components["schemas"]["Snippet"][];
        };
        /** Status */
        Status: {
            /** Version */
            version: string;
            /** Commit */
            commit: string;
            /**
             * Started At
             * Format: date-time
             */
            started_at: string;
            health: components["schemas"]["Health"];
            /** In Flight */
            in_flight: number;
            /** Spool Depth */
            spool_depth: number;
            /** Circuits */
            circuits: components["schemas"]["Circuit"][];
            prices: components["schemas"]["PriceSource"];
            /** Timezone */
            timezone: string;
        };
        /** TestInput */
        TestInput: {
            /** Backend */
            backend: string;
            /**
             * Base Url
             * @default
             */
            base_url?: string;
            /**
             * Backend Api Key
             * @default
             */
            backend_api_key?: string;
            /**
             * Client Id
             * @description use this client's stored key where none is given
             */
            client_id?: string | null;
            /** Model */
            model?: string | null;
        };
        /** TestModel */
        TestModel: {
            /** Model */
            model?: string | null;
        };
        /** TestStep */
        TestStep: {
            /**
             * Name
             * @enum {string}
             */
            name: "resolve" | "connect" | "tls" | "authenticate" | "models" | "model" | "answer";
            /** Ok */
            ok: boolean;
            /** Detail */
            detail: string;
            /** Ms */
            ms: number;
        };
        /** TodayUsage */
        TodayUsage: {
            /** Requests */
            requests: number;
            /** Errors */
            errors: number;
            /** Input Tokens */
            input_tokens: number;
            /** Output Tokens */
            output_tokens: number;
            /** Cost Usd */
            cost_usd: number | null;
        };
        /** Token */
        Token: {
            /** Id */
            id: string;
            /** Name */
            name: string;
            /**
             * Role
             * @enum {string}
             */
            role: "admin" | "viewer";
            user: components["schemas"]["UserRef"];
            /**
             * Tail
             * @description the token's last four characters
             */
            tail: string;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /** Expires At */
            expires_at: string | null;
            /** Last Used At */
            last_used_at: string | null;
        };
        /**
         * Tool
         * @description A tool as models see it.
         */
        Tool: {
            /** Name */
            name: string;
            /** Description */
            description: string;
            /**
             * Parameters
             * @description JSON Schema of its arguments
             */
            parameters: {
                [key: string]: unknown;
            };
            /**
             * Server
             * @description the MCP server that has it; null: built in
             */
            server: string | null;
            /**
             * On
             * @description its own switch
             */
            on: boolean;
            /**
             * Available
             * @description offered to models: on, and its server is on and ready
             */
            available: boolean;
            /**
             * Fixed
             * @description the configuration switches it off: so it stays
             */
            fixed: boolean;
        };
        /**
         * ToolCall
         * @description A run that a model asked for.
         */
        ToolCall: {
            /** Request Id */
            request_id: string;
            /**
             * At
             * Format: date-time
             */
            at: string;
            /** Client Id */
            client_id: string | null;
            /** Client Name */
            client_name: string | null;
            /** Name */
            name: string;
            /** Server */
            server: string | null;
            /** Round */
            round: number;
            /** Duration Ms */
            duration_ms: number;
            /** Error */
            error: string | null;
        };
        /** ToolCalls */
        ToolCalls: {
            /**
             * Items
             * @description newest first
             */
            items: components["schemas"]["ToolCall"][];
        };
        /**
         * ToolPart
         * @description A piece of a result, as the model would get it.
         */
        ToolPart: {
            /**
             * Type
             * @enum {string}
             */
            type: "text" | "image" | "document" | "audio" | "video";
            /** Text */
            text?: string | null;
            /** Media Type */
            media_type?: string | null;
            /**
             * Data
             * @description base64
             */
            data?: string | null;
            /** Url */
            url?: string | null;
        };
        /** ToolResult */
        ToolResult: {
            /**
             * Error
             * @description null: it worked
             */
            error: string | null;
            /** Duration Ms */
            duration_ms: number;
            /** Parts */
            parts: components["schemas"]["ToolPart"][];
        };
        /**
         * ToolRun
         * @description One run of a tool of the gateway.
         */
        ToolRun: {
            /** Name */
            name: string;
            /**
             * Server
             * @description the MCP server that has it; null: built in
             */
            server: string | null;
            /**
             * Round
             * @description of the upstream calls, the one that asked for it
             */
            round: number;
            /**
             * Started Ms
             * @description after the request's start
             */
            started_ms: number;
            /** Duration Ms */
            duration_ms: number;
            /**
             * Error
             * @description null: it worked
             */
            error: string | null;
        };
        /**
         * ToolServer
         * @description An MCP server, without the values of its secrets.
         */
        ToolServer: {
            /** Name */
            name: string;
            /**
             * Transport
             * @enum {string}
             */
            transport: "stdio" | "http";
            /**
             * Origin
             * @description where it is named
             * @enum {string}
             */
            origin: "config" | "database";
            /** On */
            on: boolean;
            /**
             * Fixed
             * @description the configuration switches it off: so it stays
             */
            fixed: boolean;
            /**
             * Editable
             * @description may be changed and removed here
             */
            editable: boolean;
            /**
             * State
             * @enum {string}
             */
            state: "connecting" | "ready" | "failed" | "off";
            /**
             * Since
             * Format: date-time
             */
            since: string;
            /** Error */
            error: string | null;
            /** Next Try At */
            next_try_at: string | null;
            /**
             * About
             * @description its own name and version; may be empty
             */
            about: string;
            /**
             * Url
             * @description of streamable HTTP
             */
            url: string | null;
            /**
             * Command
             * @description of stdio, without its arguments
             */
            command: string | null;
            /** Header Names */
            header_names: string[];
            /**
             * Timeout Seconds
             * @description for a call; null: tools.timeout_seconds
             */
            timeout_seconds: number | null;
            /**
             * Tools
             * @description those that are used, exact or with *; empty: all
             */
            tools: string[];
            /** Tool Count */
            tool_count: number;
            /** Warnings */
            warnings: string[];
        };
        /**
         * ToolServerChange
         * @description What is left out stays. Of a server of the config file `on` alone may be changed.
         */
        ToolServerChange: {
            /** On */
            on?: boolean | null;
            /** Url */
            url?: string | null;
            /**
             * Headers
             * @description write-only; names that are left out stay, null removes one
             */
            headers?: {
                [key: string]: string | null;
            } | null;
            /** Timeout Seconds */
            timeout_seconds?: number | null;
            /** Tools */
            tools?: string[] | null;
        };
        /** ToolSwitch */
        ToolSwitch: {
            /** On */
            on: boolean;
        };
        /** ToolTry */
        ToolTry: {
            /**
             * Arguments
             * @default {}
             */
            arguments?: {
                [key: string]: unknown;
            };
        };
        /** Tools */
        Tools: {
            /** Tools */
            tools: components["schemas"]["Tool"][];
            /** Servers */
            servers: components["schemas"]["ToolServer"][];
            /**
             * Gateway Clients
             * @description active clients whose tool_mode is gateway
             */
            gateway_clients: number;
            /**
             * Timeout Seconds
             * @description for a call, where a server has no own time
             */
            timeout_seconds: number;
        };
        /** TopClient */
        TopClient: {
            /** Id */
            id: string;
            /** Name */
            name: string;
            /** Requests */
            requests: number;
            /** Tokens */
            tokens: number;
            /**
             * Cost Usd
             * @description USD; null: no price is known
             */
            cost_usd: number | null;
        };
        /** TopModel */
        TopModel: {
            /** Model */
            model: string;
            /** Requests */
            requests: number;
            /** Tokens */
            tokens: number;
            /**
             * Cost Usd
             * @description USD; null: no price is known
             */
            cost_usd: number | null;
        };
        /** Totals */
        Totals: {
            /** Requests */
            requests: number;
            /** Errors */
            errors: number;
            /**
             * Error Rate
             * @description 0 to 1
             */
            error_rate: number;
            /** Input Tokens */
            input_tokens: number;
            /** Output Tokens */
            output_tokens: number;
            /** Cached Tokens */
            cached_tokens: number;
            /**
             * Cost Usd
             * @description USD; null: no price is known
             */
            cost_usd: number | null;
            /** Unpriced Requests */
            unpriced_requests: number;
        };
        /** Usage */
        Usage: {
            /** Rows */
            rows: components["schemas"]["UsageRow"][];
            totals: components["schemas"]["Totals"];
            /**
             * Truncated
             * @description there are more rows: narrow the report
             * @default false
             */
            truncated?: boolean;
        };
        /**
         * UsageRow
         * @description A day, client and model; what the report was not grouped by is empty.
         */
        UsageRow: {
            /** Day */
            day: string | null;
            /** Client Id */
            client_id: string | null;
            /** Client */
            client: string | null;
            /** Model */
            model: string | null;
            /** Requests */
            requests: number;
            /** Errors */
            errors: number;
            /** Input Tokens */
            input_tokens: number;
            /** Output Tokens */
            output_tokens: number;
            /** Cached Tokens */
            cached_tokens: number;
            /** Reasoning Tokens */
            reasoning_tokens: number;
            /**
             * Cost Usd
             * @description USD; null: no price is known
             */
            cost_usd: number | null;
            /** Unpriced Requests */
            unpriced_requests: number;
        };
        /** User */
        User: {
            /** Id */
            id: string;
            /** Username */
            username: string;
            /**
             * Role
             * @enum {string}
             */
            role: "admin" | "viewer";
            /** Is Active */
            is_active: boolean;
            /** Must Change Password */
            must_change_password: boolean;
            /**
             * Created At
             * Format: date-time
             */
            created_at: string;
            /** Last Sign In At */
            last_sign_in_at: string | null;
        };
        /**
         * UserChange
         * @description Only what is given changes.
         */
        UserChange: {
            /** Role */
            role?: ("admin" | "viewer") | null;
            /** Password */
            password?: string | null;
            /** Is Active */
            is_active?: boolean | null;
        };
        /** UserRef */
        UserRef: {
            /** Id */
            id: string;
            /** Username */
            username: string;
            /**
             * Role
             * @enum {string}
             */
            role: "admin" | "viewer";
        };
        /**
         * ProblemField
         * @description What is wrong with one field; an empty field stands for the whole.
         */
        ProblemField: {
            /** Field */
            field: string;
            /** Message */
            message: string;
        };
        /**
         * Problem
         * @description An error (RFC 9457).
         */
        Problem: {
            /**
             * Type
             * @default about:blank
             */
            type?: string;
            /** Title */
            title: string;
            /** Status */
            status: number;
            /** Detail */
            detail: string;
            /** Code */
            code: string;
            /**
             * Errors
             * @default []
             */
            errors?: components["schemas"]["ProblemField"][];
            /**
             * Etag
             * @description the current one, where another change came first
             * @default null
             */
            etag?: string | null;
        };
        /** SnapshotMessage */
        SnapshotMessage: {
            /**
             * Type
             * @default snapshot
             * @constant
             */
            type?: "snapshot";
            data: components["schemas"]["Overview"];
        };
        /**
         * Delta
         * @description What has changed since the message before.
         */
        Delta: {
            today: components["schemas"]["Totals"];
            /** In Flight */
            in_flight: number;
            /** Active Clients */
            active_clients: number;
            minute: components["schemas"]["Point"];
            /**
             * Recent
             * @description new ones, newest first
             */
            recent: components["schemas"]["RequestSummary"][];
            /**
             * Top Models
             * @default null
             */
            top_models?: components["schemas"]["TopModel"][] | null;
            /**
             * Top Clients
             * @default null
             */
            top_clients?: components["schemas"]["TopClient"][] | null;
        };
        /** DeltaMessage */
        DeltaMessage: {
            /**
             * Type
             * @default delta
             * @constant
             */
            type?: "delta";
            data: components["schemas"]["Delta"];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    get_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    sign_in: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignIn"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Session"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    sign_out: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_sessions: {
        parameters: {
            query?: {
                user?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_SessionInfo_"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    end_session: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                session_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    change_password: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PasswordChange"];
            };
        };
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_users: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_User_"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_user: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewUser"];
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_user: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    update_user: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UserChange"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["User"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_tokens: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_Token_"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_token: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewToken"];
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewTokenSecret"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_token: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                token_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_providers: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Providers"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_defaults: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Defaults"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    discover_local: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Discovery"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_status: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Status"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_settings: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Settings"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_audit: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string | null;
                actor?: string | null;
                action?: string | null;
                /** @description a target's id or name */
                target?: string | null;
                since?: string | null;
                until?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_AuditEntry_"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_clients: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string | null;
                /** @description part of a name, description or id */
                q?: string | null;
                backend?: string | null;
                active?: boolean | null;
                sort?: "name" | "last_seen" | "cost_today";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_ClientSummary_"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    create_client: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewClient"];
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClientCreated"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_client: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                client_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ClientDetail"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    delete_client: {
        parameters: {
            query?: never;
            header?: {
                "if-match"?: string | null;
            };
            path: {
                client_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    update_client: {
        parameters: {
            query?: never;
            header?: {
                "if-match"?: string | null;
            };
            path: {
                client_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ClientChange"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Client"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    enable_client: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                client_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Client"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    disable_client: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                client_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Client"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    rotate_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                client_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RotateKey"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["NewKey"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    test_connection: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TestInput"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectionTest"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    test_client: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                client_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["TestModel"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ConnectionTest"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    fetch_models: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FetchModels"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelList"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    fetch_client_models: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                client_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ModelList"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    client_snippets: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                client_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Snippets"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    overview: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Overview"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    series: {
        parameters: {
            query?: {
                client?: string | null;
                model?: string | null;
                from?: string | null;
                to?: string | null;
                step?: "minute" | "hour" | "day";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Series"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_requests: {
        parameters: {
            query?: {
                limit?: number;
                cursor?: string | null;
                /** @description a client's id */
                client?: string | null;
                /** @description the model that served */
                model?: string | null;
                provider?: string | null;
                /** @description ok, error, 404, 4xx, 5xx */
                status?: string | null;
                since?: string | null;
                until?: string | null;
                /** @description part of an id, error, model or client's name */
                q?: string | null;
                streaming?: boolean | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Page_RequestSummary_"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    get_request: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                request_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RequestDetail"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    usage: {
        parameters: {
            query?: {
                from?: string | null;
                to?: string | null;
                /** @description a client's id */
                client?: string | null;
                model?: string | null;
                /** @description any of day,client,model */
                group?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Usage"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    usage_csv: {
        parameters: {
            query?: {
                from?: string | null;
                to?: string | null;
                client?: string | null;
                model?: string | null;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/csv": string;
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_tools: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tools"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    list_tool_calls: {
        parameters: {
            query?: {
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ToolCalls"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    switch_tool: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToolSwitch"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Tool"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    call_tool: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToolTry"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ToolResult"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    add_tool_server: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewToolServer"];
            };
        };
        responses: {
            /** @description Successful Response */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ToolServer"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    remove_tool_server: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    update_tool_server: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ToolServerChange"];
            };
        };
        responses: {
            /** @description Successful Response */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ToolServer"];
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    reconnect_tool_server: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Successful Response */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
    playground_chat: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PlaygroundChat"];
            };
        };
        responses: {
            /** @description As Chat Completions answers */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": string;
                    "application/json": Record<string, never>;
                };
            };
            /** @description An error */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"];
                };
            };
        };
    };
}
