import { lazy, Suspense } from "react";
import { Link, Route, Switch, useLocation } from "wouter";

import { Crash } from "@/components/Crash";
import { Page } from "@/components/Page";
import { Empty, Loading } from "@/components/States";
import { Dashboard } from "@/pages/dashboard/Dashboard";

// The dashboard comes with the first load; each other page when it is first opened.
const Start = lazy(() => import("@/pages/start/Start"));
const Clients = lazy(() => import("@/pages/clients/Clients"));
const NewClient = lazy(() => import("@/pages/clients/NewClient"));
const ClientDetail = lazy(() => import("@/pages/clients/ClientPage"));
const EditClient = lazy(() => import("@/pages/clients/EditClient"));
const Requests = lazy(() => import("@/pages/requests/Requests"));
const RequestDetail = lazy(() => import("@/pages/requests/RequestPage"));
const Usage = lazy(() => import("@/pages/usage/Usage"));
const Tools = lazy(() => import("@/pages/tools/Tools"));
const Playground = lazy(() => import("@/pages/playground/Playground"));
const Settings = lazy(() => import("@/pages/settings/Settings"));
const Audit = lazy(() => import("@/pages/Audit"));
const Users = lazy(() => import("@/pages/users/Users"));
const Account = lazy(() => import("@/pages/users/Account"));

export function Pages() {
  const [location] = useLocation();
  return (
    <Crash key={location}>
      <Suspense fallback={<Loading rows={6} />}>
        <Switch>
          <Route path="/" component={Dashboard} />
          <Route path="/start" component={Start} />
          <Route path="/clients" component={Clients} />
          <Route path="/clients/new" component={NewClient} />
          <Route path="/clients/:id">{({ id }) => <ClientDetail key={id} id={id} />}</Route>
          <Route path="/clients/:id/edit">{({ id }) => <EditClient key={id} id={id} />}</Route>
          <Route path="/requests" component={Requests} />
          <Route path="/requests/:id">{({ id }) => <RequestDetail key={id} id={id} />}</Route>
          <Route path="/usage" component={Usage} />
          <Route path="/tools" component={Tools} />
          <Route path="/playground" component={Playground} />
          <Route path="/settings" component={Settings} />
          <Route path="/audit" component={Audit} />
          <Route path="/users" component={Users} />
          <Route path="/account" component={Account} />
          <Route>
            <Page title="No such page">
              <Empty title="There is nothing at this address">
                <Link href="/">Go to the dashboard</Link>
              </Empty>
            </Page>
          </Route>
        </Switch>
      </Suspense>
    </Crash>
  );
}
