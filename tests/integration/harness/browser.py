"""A headless Chromium that reads pages as a person does: by the texts that are visible."""

import json
import os
import pathlib

from selenium import webdriver
from selenium.common.exceptions import (ElementClickInterceptedException, ElementNotInteractableException, NoSuchElementException,
                                        StaleElementReferenceException)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from .places import CHROMEDRIVER, CHROMIUM, ROOT
from .ports import free_port
from .waiting import LIMIT_S, wait_until

# Kept after the tests. CI's own folder for artifacts is named by the variable.
SCREENSHOTS = pathlib.Path(os.environ.get("TRACELINK_TEST_OUTPUT", ROOT / "build/test-output"))

DESKTOP = (1600, 1000)
PHONE = (390, 844)
WIDE = (2200, 1200)  # MLflow's bars show texts, not icons alone

_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
          "--disable-background-networking", "--disable-component-update", "--disable-sync")
_CELL = "[role=columnheader], [role=cell], th, td"
# What a page that is still being built raises, or the reader of its tables.
_NOT_YET = (NoSuchElementException, StaleElementReferenceException, ElementClickInterceptedException, ElementNotInteractableException,
            ValueError, IndexError)


class _Driver(webdriver.Chrome):
    def start_session(self, capabilities: dict) -> None:
        self.command_executor.client_config.timeout = LIMIT_S  # 120 s else, also for the start of Chromium
        super().start_session(capabilities)


class Browser:
    """profile: a new, empty folder."""

    def __init__(self, profile: pathlib.Path):
        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        self._driver = _Driver(options, Service(str(CHROMEDRIVER), port=free_port()))
        self._driver.set_page_load_timeout(LIMIT_S)
        self._driver.set_script_timeout(LIMIT_S)

    def quit(self) -> None:
        self._driver.quit()

    def open(self, address: str) -> None:
        """Where only the part behind the # is new, the page that is there changes its view."""
        self._driver.get(address)

    def text(self) -> str:
        return self._driver.find_element(By.TAG_NAME, "body").text

    def wait_for(self, text: str) -> None:
        self._once(f"the page shows {text!r}", lambda: text in self.text())

    def beside(self, label: str) -> list[str]:
        """The lines that stand beside or below a label, once there are any."""
        def read():
            element = self._driver.find_element(By.XPATH, f"//*[normalize-space(text())='{label}']/following-sibling::*[1]")
            return element.text.splitlines()
        return self._once(f"something beside {label!r}", read)

    def column(self, head: str) -> list[str]:
        """The cells below the head of a table's column, once it is there."""
        def read():
            heads, *rows = ([cell.text for cell in row.find_elements(By.CSS_SELECTOR, _CELL)]
                            for row in self._driver.find_elements(By.CSS_SELECTOR, "[role=row], tr"))
            return [row[heads.index(head)] for row in rows]
        return self._once(f"a column {head!r}", read)

    def click(self, text: str) -> None:
        """What shows exactly this text, the innermost element that does."""
        def click():
            self._driver.find_element(By.XPATH, f"(//*[normalize-space(.)='{text}'])[last()]").click()
            return True
        self._once(f"{text!r} can be clicked", click)

    def enter(self, placeholder: str, text: str) -> None:
        """Types into the field that shows the placeholder, then Enter."""
        def type_text():
            field = self._driver.find_element(By.CSS_SELECTOR, f"input[placeholder='{placeholder}']")
            field.click()
            return field
        field = self._once(f"the field {placeholder!r}", type_text)
        field.send_keys(text, Keys.ENTER)

    def show(self, size: tuple[int, int], scheme: str = "light") -> None:
        """A screen of this size in CSS pixels; scheme: what the person prefers, light or dark."""
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False})
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]})

    def script(self, expression: str):
        return self._driver.execute_script(f"return {expression}")

    def requested(self) -> list[str]:
        """The addresses that pages asked for since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self._driver.get_log("performance")]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def screenshot(self, name: str) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        assert self._driver.save_screenshot(str(SCREENSHOTS / f"{name}.png"))

    def _once(self, what: str, probe):
        def attempt():
            try:
                return probe()
            except _NOT_YET:
                return None
        return wait_until(what, attempt, state=self.text)
