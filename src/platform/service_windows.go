// SPDX-License-Identifier: BSD-3-Clause

package platform

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

// IsService tells whether the service manager started this process.
func IsService() bool {
	yes, err := svc.IsWindowsService()
	return err == nil && yes
}

// RunService serves under the service manager. run does the program's work; it is to end soon after stop is closed, with an exit
// code.
func RunService(name string, run func(stop <-chan struct{}) int) error {
	return svc.Run(name, &service{run})
}

type service struct {
	run func(stop <-chan struct{}) int
}

// Execute is svc.Handler's.
func (s *service) Execute(args []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (serviceSpecific bool, exitCode uint32) {
	const accepted = svc.AcceptStop | svc.AcceptShutdown
	status <- svc.Status{State: svc.StartPending}
	stop, ended := make(chan struct{}), make(chan int, 1)
	go func() { ended <- s.run(stop) }()
	status <- svc.Status{State: svc.Running, Accepts: accepted}
	stopping := false
	for {
		select {
		case code := <-ended:
			status <- svc.Status{State: svc.StopPending}
			return code != 0, uint32(code)
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				status <- r.CurrentStatus
			case svc.Stop, svc.Shutdown:
				if !stopping {
					stopping = true
					// A last save takes its time: ask for ten minutes at once.
					status <- svc.Status{State: svc.StopPending, WaitHint: uint32(10 * time.Minute / time.Millisecond)}
					close(stop)
				}
			}
		}
	}
}

// InstallService registers this program as a service that starts with the system, with these arguments.
func InstallService(name, displayName string, args []string) error {
	path, err := os.Executable()
	if err != nil {
		return err
	}
	m, err := mgr.Connect()
	if err != nil {
		return err
	}
	defer m.Disconnect()
	s, err := m.CreateService(name, path, mgr.Config{DisplayName: displayName, StartType: mgr.StartAutomatic}, args...)
	if err != nil {
		return err
	}
	return s.Close()
}

// RemoveService takes the registration back; a service that runs goes on until it stops.
func RemoveService(name string) error {
	m, err := mgr.Connect()
	if err != nil {
		return err
	}
	defer m.Disconnect()
	s, err := m.OpenService(name)
	if err != nil {
		return err
	}
	return errors.Join(s.Delete(), s.Close())
}
