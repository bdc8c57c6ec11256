// CoreDNS with the few plugins that a cluster's own names need. A module by itself: it wants another etcd than
// Kubernetes does.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/template"
)

func main() {
	// The order in which a question passes them.
	dnsserver.Directives = []string{"bind", "errors", "cache", "kubernetes", "template"}
	coremain.Run()
}
