import { Link, Route, Switch, useLocation } from "wouter";

import { Crash } from "@/components/Crash";
import { Page } from "@/components/Page";
import { Empty } from "@/components/States";
import { onDemand } from "@/lib/onDemand";
import { Dashboard } from "@/pages/dashboard/Dashboard";

// The dashboard comes with the first load; each other page when it is first opened.
const Start = onDemand(() => import("@/pages/start/Start"));
const Clients = onDemand(() => import("@/pages/clients/Clients"));
const NewClient = onDemand(() => import("@/pages/clients/NewClient"));
const ClientDetail = onDemand(() => import("@/pages/clients/ClientPage"));
const EditClient = onDemand(() => import("@/pages/clients/EditClient"));
const Requests = onDemand(() => import("@/pages/requests/Requests"));
const RequestDetail = onDemand(() => import("@/pages/requests/RequestPage"));
const Usage = onDemand(() => import("@/pages/usage/Usage"));
const Tools = onDemand(() => import("@/pages/tools/Tools"));
const Playground = onDemand(() => import("@/pages/playground/Playground"));
const Settings = onDemand(() => import("@/pages/settings/Settings"));
const Audit = onDemand(() => import("@/pages/Audit"));
const Users = onDemand(() => import("@/pages/users/Users"));
const Account = onDemand(() => import("@/pages/users/Account"));

export function Pages() {
  const [location] = useLocation();
  return (
    <Crash key={location}>
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
    </Crash>
  );
}
