// Written by `npm run schema` from openapi.json. Do not edit.

export type paths = Record<string, never>;
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
         * BackendInput
         * @description A provider's address and credential.
         */
        BackendInput: {
            /** Backend */
            backend: string;
            /**
             * Base Url
             * @default
             */
            base_url: string;
            /**
             * Backend Api Key
             * @default
             */
            backend_api_key: string;
            /**
             * Client Id
             * @description use this client's stored key where none is given
             * @default null
             */
            client_id: string | null;
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
         * @description Of one model of one backend. Times are set while it is open.
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
             * @description when it was opened
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
            /**
             * Name
             * @default null
             */
            name: string | null;
            /**
             * Description
             * @default null
             */
            description: string | null;
            /**
             * Backend
             * @default null
             */
            backend: string | null;
            /**
             * Backend Api Key
             * @description write-only
             * @default null
             */
            backend_api_key: string | null;
            /**
             * Base Url
             * @default null
             */
            base_url: string | null;
            /**
             * Default Model
             * @default null
             */
            default_model: string | null;
            /**
             * Models
             * @default null
             */
            models: string[] | null;
            /**
             * Model Whitelist
             * @default null
             */
            model_whitelist: string[] | null;
            /**
             * Model Aliases
             * @default null
             */
            model_aliases: {
                [key: string]: string;
            } | null;
            /**
             * Extra Backends
             * @default null
             */
            extra_backends: components["schemas"]["ExtraBackendInput"][] | null;
            /**
             * Fallback Models
             * @default null
             */
            fallback_models: string[] | null;
            /**
             * System Prompt
             * @default null
             */
            system_prompt: string | null;
            /**
             * Tool Mode
             * @default null
             */
            tool_mode: ("pass-through" | "gateway") | null;
            /**
             * Server Tools
             * @default null
             */
            server_tools: string[] | null;
            /**
             * Rate Limit Minute
             * @default null
             */
            rate_limit_minute: number | null;
            /**
             * Rate Limit Hour
             * @default null
             */
            rate_limit_hour: number | null;
            /**
             * Rate Limit Day
             * @default null
             */
            rate_limit_day: number | null;
            /**
             * Quota Input Tokens Day
             * @default null
             */
            quota_input_tokens_day: number | null;
            /**
             * Quota Output Tokens Day
             * @default null
             */
            quota_output_tokens_day: number | null;
            /**
             * Quota Requests Day
             * @default null
             */
            quota_requests_day: number | null;
            /**
             * Max Input Tokens
             * @default null
             */
            max_input_tokens: number | null;
            /**
             * Max Output Tokens
             * @default null
             */
            max_output_tokens: number | null;
            /**
             * Max Concurrency
             * @default null
             */
            max_concurrency: number | null;
            /**
             * Budget Usd Day
             * @default null
             */
            budget_usd_day: number | null;
            /**
             * Budget Usd Month
             * @default null
             */
            budget_usd_month: number | null;
            /**
             * Key Prefix
             * @default null
             */
            key_prefix: string | null;
            /**
             * Expires At
             * @description null: never
             * @default null
             */
            expires_at: string | null;
            /**
             * Allowed Ips
             * @default null
             */
            allowed_ips: string[] | null;
            /**
             * Is Active
             * @default null
             */
            is_active: boolean | null;
            /**
             * Log Bodies
             * @default null
             */
            log_bodies: boolean | null;
            /**
             * Timeout Seconds
             * @default null
             */
            timeout_seconds: number | null;
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
            top_models: components["schemas"]["TopModel"][] | null;
            /**
             * Top Clients
             * @default null
             */
            top_clients: components["schemas"]["TopClient"][] | null;
        };
        /** DeltaMessage */
        DeltaMessage: {
            /**
             * Type
             * @default delta
             * @constant
             */
            type: "delta";
            data: components["schemas"]["Delta"];
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
            base_url: string;
            /**
             * Backend Api Key
             * @description write-only; empty clears it
             * @default null
             */
            backend_api_key: string | null;
        };
        /** FetchModels */
        FetchModels: {
            /** Backend */
            backend: string;
            /**
             * Base Url
             * @default
             */
            base_url: string;
            /**
             * Backend Api Key
             * @default
             */
            backend_api_key: string;
            /**
             * Client Id
             * @description use this client's stored key where none is given
             * @default null
             */
            client_id: string | null;
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
        /**
         * Input
         * @description A request's body: unknown members are refused, so that a misspelt one is told.
         */
        Input: Record<string, never>;
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
        /**
         * Model
         * @description An answer.
         */
        Model: Record<string, never>;
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
            /**
             * Description
             * @default null
             */
            description: string | null;
            /** Backend */
            backend: string;
            /**
             * Backend Api Key
             * @description write-only
             * @default null
             */
            backend_api_key: string | null;
            /**
             * Base Url
             * @default null
             */
            base_url: string | null;
            /**
             * Default Model
             * @default null
             */
            default_model: string | null;
            /**
             * Models
             * @default null
             */
            models: string[] | null;
            /**
             * Model Whitelist
             * @default null
             */
            model_whitelist: string[] | null;
            /**
             * Model Aliases
             * @default null
             */
            model_aliases: {
                [key: string]: string;
            } | null;
            /**
             * Extra Backends
             * @default null
             */
            extra_backends: components["schemas"]["ExtraBackendInput"][] | null;
            /**
             * Fallback Models
             * @default null
             */
            fallback_models: string[] | null;
            /**
             * System Prompt
             * @default null
             */
            system_prompt: string | null;
            /**
             * Tool Mode
             * @default null
             */
            tool_mode: ("pass-through" | "gateway") | null;
            /**
             * Server Tools
             * @default null
             */
            server_tools: string[] | null;
            /**
             * Rate Limit Minute
             * @default null
             */
            rate_limit_minute: number | null;
            /**
             * Rate Limit Hour
             * @default null
             */
            rate_limit_hour: number | null;
            /**
             * Rate Limit Day
             * @default null
             */
            rate_limit_day: number | null;
            /**
             * Quota Input Tokens Day
             * @default null
             */
            quota_input_tokens_day: number | null;
            /**
             * Quota Output Tokens Day
             * @default null
             */
            quota_output_tokens_day: number | null;
            /**
             * Quota Requests Day
             * @default null
             */
            quota_requests_day: number | null;
            /**
             * Max Input Tokens
             * @default null
             */
            max_input_tokens: number | null;
            /**
             * Max Output Tokens
             * @default null
             */
            max_output_tokens: number | null;
            /**
             * Max Concurrency
             * @default null
             */
            max_concurrency: number | null;
            /**
             * Budget Usd Day
             * @default null
             */
            budget_usd_day: number | null;
            /**
             * Budget Usd Month
             * @default null
             */
            budget_usd_month: number | null;
            /**
             * Key Prefix
             * @default null
             */
            key_prefix: string | null;
            /**
             * Expires At
             * @description null: never
             * @default null
             */
            expires_at: string | null;
            /**
             * Allowed Ips
             * @default null
             */
            allowed_ips: string[] | null;
            /**
             * Is Active
             * @default null
             */
            is_active: boolean | null;
            /**
             * Log Bodies
             * @default null
             */
            log_bodies: boolean | null;
            /**
             * Timeout Seconds
             * @default null
             */
            timeout_seconds: number | null;
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
            /**
             * Expires At
             * @default null
             */
            expires_at: string | null;
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
            model: string;
            /** Messages */
            messages: components["schemas"]["ChatMessage"][];
            /**
             * Temperature
             * @default null
             */
            temperature: number | null;
            /**
             * Max Tokens
             * @default null
             */
            max_tokens: number | null;
            /**
             * Stream
             * @default true
             */
            stream: boolean;
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
        /**
         * Problem
         * @description An error (RFC 9457).
         */
        Problem: {
            /**
             * Type
             * @default about:blank
             */
            type: string;
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
            errors: components["schemas"]["ProblemField"][];
            /**
             * Etag
             * @description the current one, where another change came first
             * @default null
             */
            etag: string | null;
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
            grace_seconds: number;
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
        /** SnapshotMessage */
        SnapshotMessage: {
            /**
             * Type
             * @default snapshot
             * @constant
             */
            type: "snapshot";
            data: components["schemas"]["Overview"];
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
            base_url: string;
            /**
             * Backend Api Key
             * @default
             */
            backend_api_key: string;
            /**
             * Client Id
             * @description use this client's stored key where none is given
             * @default null
             */
            client_id: string | null;
            /**
             * Model
             * @default null
             */
            model: string | null;
        };
        /** TestModel */
        TestModel: {
            /**
             * Model
             * @default null
             */
            model: string | null;
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
         * Tools
         * @description The gateway's own tools; this version has none.
         */
        Tools: {
            /** Builtin */
            builtin: string[];
            /** Mcp Servers */
            mcp_servers: string[];
            /** Available */
            available: boolean;
            /** Reason */
            reason: string;
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
            truncated: boolean;
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
            /**
             * Role
             * @default null
             */
            role: ("admin" | "viewer") | null;
            /**
             * Password
             * @default null
             */
            password: string | null;
            /**
             * Is Active
             * @default null
             */
            is_active: boolean | null;
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
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
