// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// iothreads.go - io-threads N beside io-threads 1, of each server beside itself: does it pay, and does it ever cost?
//
// Nobody is pinned here: servers and client share all processors, as they do on a machine of somebody who turns the threads on. So requests a
// second are a matter of what the scheduler puts where: -io-threads 1,1,4 has a column that shows how much of a difference is noise.

type threadedServer struct {
	*server
	threads int
	base    int // the server of its kind that it is compared with, the first; that one itself: its own place
}

// threadRow is a row of the part: what redis-benchmark does, over how many connections, over what.
type threadRow struct {
	row
	clients int
	tls     bool
}

func threadRows(o *options) ([]threadRow, error) {
	sizes, err := numbers(o.threadSizes)
	if err != nil {
		return nil, err
	}
	pipelines, err := numbers(o.pipelines)
	if err != nil {
		return nil, err
	}
	connections, err := numbers(o.threadClients)
	if err != nil {
		return nil, err
	}
	var rows []threadRow
	for transport := range strings.SplitSeq(o.transports, ",") {
		if transport != "plain" && transport != "tls" {
			return nil, fmt.Errorf("no transport %q", transport)
		}
		for _, size := range sizes {
			for _, test := range []string{"set", "get"} {
				for _, p := range pipelines {
					for _, clients := range connections {
						r := threadRow{row: row{test: test, label: strings.ToUpper(test), size: size, pipelined: p}, clients: clients, tls: transport == "tls"}
						r.requests = threadRequests(o, r)
						rows = append(rows, r)
					}
				}
			}
		}
	}
	return rows, nil
}

// threadRequests is such that a round takes some tenths of a second.
func threadRequests(o *options, r threadRow) int {
	n := float64(o.requests)
	switch {
	case r.pipelined > 16:
		n *= 8
	case r.pipelined > 1:
		n *= 5
	case r.clients == 1:
		n *= 0.4
	}
	if r.size > 4000 {
		n *= 0.4
	}
	if r.tls {
		n *= 0.5
		if r.size > 4000 {
			n *= 0.4
		}
	}
	// A round of many connections begins with making them, which is not what is measured.
	return max(int(n), 40*r.clients)
}

func iothreads(o *options, kinds []kind) error {
	threads, err := numbers(o.ioThreads)
	if err != nil {
		return err
	}
	rows, err := threadRows(o)
	if err != nil {
		return err
	}
	if len(threads) < 2 || threads[0] != 1 {
		return fmt.Errorf("io-threads: 1, then what is to be compared with it")
	}
	kinds = slices.DeleteFunc(slices.Clone(kinds), func(k kind) bool { return k.name == "Valkey" })
	everywhere := *o
	everywhere.serverCPUs = fmt.Sprintf("0-%d", runtime.NumCPU()-1)
	everywhere.clientCPUs = everywhere.serverCPUs
	everywhere.keys = 100000
	o = &everywhere
	pinSelf(o)

	var servers []threadedServer
	for _, k := range kinds {
		base := len(servers)
		for _, n := range threads {
			s, err := k.startTLS(o, "--io-threads", strconv.Itoa(n))
			if err != nil {
				return err
			}
			defer s.stop()
			servers = append(servers, threadedServer{s, n, base})
		}
	}

	fmt.Printf("\n### io-threads\n\nServers and client on all processors; requests a second, and CPU time a request, with N threads : with one, of the same server; with one : with one of the other.\n\n")
	fmt.Print("| command | value | pipeline | connections | |")
	columns := 5
	for i, s := range servers {
		if s.base != i {
			fmt.Printf(" %s %d: requests | CPU |", s.name, s.threads)
			columns += 2
		}
	}
	for _, k := range kinds[1:] {
		fmt.Printf(" %s 1 : %s 1: requests | CPU |", kinds[0].name, k.name)
		columns += 2
	}
	fmt.Println("\n" + strings.Repeat("|---", columns) + "|")

	loaded := -1
	for _, r := range rows {
		if r.size != loaded {
			for _, s := range servers {
				if err := preload(s.server, o.keys, r.size); err != nil {
					return fmt.Errorf("%s: %w", s.name, err)
				}
			}
			loaded = r.size
		}
		ro := *o
		ro.clients = r.clients
		samples, err := rounds(&ro, make([]*server, len(servers)), func(i int) (sample, error) {
			s := *servers[i].server
			if r.tls {
				s.port = s.tlsPort
			}
			return benchmark(&ro, r.row, &s, tlsFlags(r.tls)...)
		})
		if err != nil {
			return err
		}
		printThreadRow(o, r, servers, samples)
	}
	return nil
}

func printThreadRow(o *options, r threadRow, servers []threadedServer, samples [][]sample) {
	rps := func(x sample) float64 { return x.rps }
	cpu := func(x sample) float64 { return x.cpu }
	transport := "plain"
	if r.tls {
		transport = "TLS"
	}
	fmt.Printf("| %s | %d | %d | %d | %s |", r.label, r.size, r.pipelined, r.clients, transport)
	for i, s := range servers {
		if s.base != i {
			off := samples[s.base]
			fmt.Printf(" %s%s | %s |", ratioText(samples[i], off, rps), spread(o, samples[i], off), ratioText(samples[i], off, cpu))
		}
	}
	for i, s := range servers {
		if s.base == i && i > 0 {
			fmt.Printf(" %s | %s |", ratioText(samples[0], samples[i], rps), ratioText(samples[0], samples[i], cpu))
		}
	}
	fmt.Println()
}

// spread is, with -raw, where the middle half of the ratios lies.
func spread(o *options, a, b []sample) string {
	if !o.raw {
		return ""
	}
	var list []float64
	for i := range a {
		list = append(list, a[i].rps/b[i].rps)
	}
	slices.Sort(list)
	return fmt.Sprintf(" (%.2f-%.2f)", list[len(list)/4], list[len(list)-1-len(list)/4])
}

func tlsFlags(on bool) []string {
	if on {
		return []string{"--tls", "--insecure"}
	}
	return nil
}

// startTLS is start of a server that listens for TLS too.
func (k kind) startTLS(o *options, args ...string) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "redport-bench-tls-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // it is read at start
	cert, key, err := writeCertificate(dir)
	if err != nil {
		return nil, err
	}
	s, err := k.start(o, append(args, "--tls-port", strconv.Itoa(port), "--tls-cert-file", cert, "--tls-key-file", key,
		"--tls-ca-cert-file", cert, "--tls-auth-clients", "no")...)
	if err == nil {
		s.tlsPort = port
	}
	return s, err
}

// writeCertificate makes a certificate for loopback that signs itself.
func writeCertificate(dir string) (certFile, keyFile string, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return "", "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", "", err
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err = os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return "", "", err
	}
	return certFile, keyFile, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600)
}
